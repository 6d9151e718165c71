/** Which revision each helm release is at, from the names of its records alone: nothing is decoded. */

export interface HelmMove {
  readonly namespace: string;
  readonly name: string;
  /** Revision in the older datastore; undefined when the release was not there. */
  readonly older: number | undefined;
  /** Revision in the newer one; undefined when the release is gone. */
  readonly newer: number | undefined;
  /** The records are of different installations that reached the same revision. */
  readonly reinstalled: boolean;
}

interface Head {
  readonly revision: number;
  readonly uid: string | undefined;
}

/** helm v4.3.1 pkg/storage/storage.go makeKey; Secrets by default, ConfigMaps by choice. */
const RECORD =
  /^\/registry\/(?:secrets|configmaps)\/([^/]+)\/sh\.helm\.release\.v1\.([^/]+)\.v([0-9]{1,9})$/;

/** The highest revision of every release of one datastore. */
export class HelmRecords {
  /** By `namespace/name`. */
  readonly #heads = new Map<string, Head>();

  add(key: string, uid: string | undefined): void {
    const [, namespace, name, digits] = RECORD.exec(key) ?? [];
    if (namespace === undefined || name === undefined) return;
    const revision = Number(digits);
    const release = `${namespace}/${name}`;
    if (revision > (this.#heads.get(release)?.revision ?? -1)) {
      this.#heads.set(release, { revision, uid });
    }
  }

  /** The releases that differ, by namespace and name. */
  movesTo(newer: HelmRecords): HelmMove[] {
    const releases = new Set([...this.#heads.keys(), ...newer.#heads.keys()]);
    const moves: HelmMove[] = [];
    for (const release of [...releases].sort()) {
      const from = this.#heads.get(release);
      const to = newer.#heads.get(release);
      const known = from?.uid !== undefined && to?.uid !== undefined;
      const reinstalled = from?.revision === to?.revision && known && from.uid !== to.uid;
      if (from?.revision === to?.revision && !reinstalled) continue;
      const [namespace = "", name = ""] = release.split("/");
      moves.push({ namespace, name, older: from?.revision, newer: to?.revision, reinstalled });
    }
    return moves;
  }
}

/** Whether a key is that of a release record. */
export function isHelmRecord(key: string): boolean {
  return RECORD.test(key);
}
