/** The datastore, already saved and proven; it stays where it was saved until the archive is written. */
import type { Asset } from "./asset.ts";

export const ETCD_ENTRY = "datastore/etcd-snapshot.db";
export const DATABASE_ENTRY = "datastore/state.db";

export interface SnapshotOnDisk {
  readonly kind: "etcd" | "sqlite";
  readonly saved: { readonly path: string; readonly size: number };
  readonly facts: { readonly sha256: string };
}

/** Path in the archive, by the kind of datastore. */
export function datastoreEntry(kind: SnapshotOnDisk["kind"]): string {
  return kind === "sqlite" ? DATABASE_ENTRY : ETCD_ENTRY;
}

export function snapshotAsset(snapshot: SnapshotOnDisk): Asset {
  const noun = snapshot.kind === "sqlite" ? "database" : "snapshot";
  return {
    name: `the ${noun}`,
    collect(_source, collector) {
      collector.addFile(
        { path: datastoreEntry(snapshot.kind), kind: "datastore" },
        { path: snapshot.saved.path, size: snapshot.saved.size, sha256: snapshot.facts.sha256 },
      );
      return Promise.resolve(noun);
    },
  };
}
