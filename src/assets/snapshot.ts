/** The etcd snapshot, already saved and proven; it stays where K3s wrote it until the archive is written. */
import type { Asset } from "./asset.ts";

export const ETCD_ENTRY = "datastore/etcd-snapshot.db";

export interface SnapshotOnDisk {
  readonly saved: { readonly path: string; readonly size: number };
  readonly facts: { readonly sha256: string };
}

export function snapshotAsset(snapshot: SnapshotOnDisk): Asset {
  return {
    name: "the snapshot",
    collect(_source, collector) {
      collector.addFile(
        { path: ETCD_ENTRY, kind: "datastore" },
        { path: snapshot.saved.path, size: snapshot.saved.size, sha256: snapshot.facts.sha256 },
      );
      return Promise.resolve("snapshot");
    },
  };
}
