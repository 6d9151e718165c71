/** Which datastore a start of K3s on this host would take. */
import { linkStatOf, namesIn, statOf } from "../sys/files.ts";
import type { Settings } from "./settings.ts";

export type DatastoreKind =
  | { readonly kind: "etcd" }
  | { readonly kind: "sqlite"; readonly path: string }
  /** `driver` is `mysql`, `postgres`, `etcd`, … ; never the endpoint itself, which holds a password. */
  | { readonly kind: "external"; readonly driver: string }
  /** A member that was removed from its cluster: K3s would join anew (k3s.md pitfall 14). */
  | { readonly kind: "tombstone"; readonly path: string }
  | {
      readonly kind: "none";
      /** Nothing of an earlier datastore lies there either. */
      readonly isNew: boolean;
      readonly reason: string;
      readonly hint: string;
    };

/** Decides as K3s does (k3s-observed.md 8): etcd if `db/etcd/member/wal` is a folder, then the endpoint, then SQLite. */
export async function detectDatastore(settings: Settings): Promise<DatastoreKind> {
  const db = `${settings.dataDir}/server/db`;
  const tombstone = `${db}/etcd/tombstone`;
  if ((await linkStatOf(tombstone)) !== undefined) return { kind: "tombstone", path: tombstone };
  if ((await statOf(`${db}/etcd/member/wal`))?.isDirectory()) return { kind: "etcd" };
  const endpoint = settings.one("datastore-endpoint");
  if (endpoint !== undefined && endpoint !== "") {
    return { kind: "external", driver: /^([a-z]+):\/\//.exec(endpoint)?.[1] ?? "etcd" };
  }
  if ((await statOf(`${db}/state.db`))?.isFile()) return { kind: "sqlite", path: `${db}/state.db` };
  if ((await statOf(`${db}/state.db.migrated`)) !== undefined) {
    return {
      kind: "none",
      isNew: false,
      reason: `${db}/state.db.migrated shows that it moved to etcd, but ${db}/etcd is not there`,
      hint: `do not start k3s, it would begin an empty cluster: look for ${db}/etcd-old-*, or run: railiance-cluster restore`,
    };
  }
  return {
    kind: "none",
    isNew: (await namesIn(db)).length === 0,
    reason: `there is no datastore below ${db}`,
    hint: "is K3s running here as a server? If its data is elsewhere, give the folder with --data-dir",
  };
}
