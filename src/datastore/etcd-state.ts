/** What an etcd database holds at a revision: for comparing one that was restored with what it was made from. */
import { bucketLeaves, openBolt } from "./bolt.ts";
import { structureError } from "./damage.ts";
import { readEtcdMeta } from "./etcd-meta.ts";
import { KEY_BUCKET, LiveSet } from "./mvcc.ts";
import type { RandomAccess } from "../sys/files.ts";
import type { Member } from "./etcd-meta.ts";

export interface EtcdState {
  /** Live keys as of the revision asked for. */
  readonly keys: number;
  /** Highest revision that is there at all, or up to which history was removed. */
  readonly revision: number;
  /** Kubernetes objects written after the revision asked for. */
  readonly newerObjects: number;
  readonly members: readonly Member[];
}

/**
 * Reads the database file of an etcd that is not running, or a snapshot. Throws
 * SNAPSHOT_NOT_BOLT or SNAPSHOT_STRUCTURE.
 */
export async function etcdStateAt(
  file: RandomAccess,
  options: { readonly revision: number; readonly signal?: AbortSignal | undefined },
): Promise<EtcdState> {
  const { revision, signal } = options;
  const bolt = await openBolt(file);
  const groups = await bucketLeaves(bolt, [KEY_BUCKET], { descending: true, signal });
  if (groups === undefined) throw structureError("it has no bucket of keys, so it is not etcd's");
  const live = new LiveSet(revision);
  for await (const leaves of groups) for (const leaf of leaves) live.add(leaf);
  const { members, compactRevision } = await readEtcdMeta(bolt);
  return {
    keys: live.keys,
    revision: Math.max(live.revision, compactRevision),
    newerObjects: live.newerObjects,
    members,
  };
}
