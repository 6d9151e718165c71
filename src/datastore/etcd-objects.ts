/** The live records of an etcd snapshot, handed out one by one for a comparison. */
import type { RandomAccess } from "../sys/files.ts";
import type { BootstrapData } from "./bootstrap.ts";
import { bucketLeaves, openBolt } from "./bolt.ts";
import { bytesAt } from "./bolt-page.ts";
import type { ObjectSource } from "./compare.ts";
import { KEY_BUCKET, LiveSet } from "./mvcc.ts";
import { sealedValues } from "./secrets-encryption.ts";

export interface EtcdObjectsOptions {
  /** Of the same snapshot; holds the keys of encrypted values. Secret. */
  readonly bootstrap?: BootstrapData | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * A snapshot as one side of compareObjects(). Its walk throws SNAPSHOT_NOT_BOLT or
 * SNAPSHOT_STRUCTURE; the caller has proven the snapshot before.
 */
export function etcdObjects(file: RandomAccess, options: EtcdObjectsOptions = {}): ObjectSource {
  const { bootstrap, signal } = options;
  return {
    numbering: "etcd",
    sealed: sealedValues(bootstrap),
    async walk(visit) {
      const bolt = await openBolt(file);
      const groups = await bucketLeaves(bolt, [KEY_BUCKET], { descending: true, signal });
      if (groups === undefined) return;
      const live = new LiveSet();
      for await (const leaves of groups) {
        for (const leaf of leaves) {
          live.add(leaf, (record) => {
            const { createRevision, modRevision } = record;
            visit({
              key: bytesAt(leaf, record.keyStart, record.keyLength),
              value: bytesAt(leaf, record.valueStart, record.valueLength),
              createRevision,
              modRevision,
            });
          });
        }
      }
    },
  };
}
