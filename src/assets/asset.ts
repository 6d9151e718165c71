/** What one thing S2 owns has to offer: to add an asset, write one file with one of these and list it in `all.ts`. */
import type { EntryKind } from "../archive/entry-kind.ts";
import type { HelmRelease } from "../archive/manifest.ts";
import type { Host } from "../sys/host.ts";

export interface NewEntry {
  /** Path inside the archive, see `Entry.path`. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Default 0o600. */
  readonly mode?: number;
  /** Absolute path on the host it goes back to. */
  readonly source?: string;
  readonly uid?: number;
  readonly gid?: number;
}

/** Takes what the assets find. Small content is staged and hashed at once, so memory stays flat. */
export interface Collector {
  add(entry: NewEntry, content: string | Uint8Array): Promise<void>;
  /** A file that stays where it is until the archive is written; its hash and size are already known. */
  addFile(
    entry: NewEntry,
    file: { readonly path: string; readonly size: number; readonly sha256: string },
  ): void;
  addRelease(release: HelmRelease): void;
  /** Something that should be in the archive and is not: the run becomes partial (exit 3). */
  gap(gap: { readonly code: string; readonly message: string; readonly hint?: string }): void;
}

export interface Asset {
  /** What the operator reads while it works: "helm releases". */
  readonly name: string;
  /** Reads everything of its kind and hands it over; returns one phrase of facts ("14 helm releases"). */
  collect(source: AssetSource, collector: Collector): Promise<string>;
}

/** What an asset may look at. */
export interface AssetSource {
  readonly host: Host;
  /** Says something the operator should know that is no gap. */
  readonly note: (text: string) => void;
  readonly server: ServerFacts;
}

/** The K3s server on this host, as far as assets need to know it. */
export interface ServerFacts {
  /** Absolute, default `/var/lib/rancher/k3s`. */
  readonly dataDir: string;
  /** Absolute path or name on PATH of the k3s program. */
  readonly k3s: string;
  /** Kubeconfig of the cluster admin, for helm. */
  readonly kubeconfig: string;
}
