/**
 * What etcd holds: the live set of the `key` bucket, where the last revision of a
 * key wins. Read from the newest revision to the oldest: the first record met of a
 * key is its last, so a set of keys seen is all that must be remembered.
 */
import type { RandomAccess } from "../sys/files.ts";
import { bucketLeaves } from "./bolt.ts";
import type { BoltFile } from "./bolt-meta.ts";
import { bytesAt } from "./bolt-page.ts";
import type { Page } from "./bolt-page.ts";
import { structureError } from "./damage.ts";
import { KeySet } from "./key-set.ts";
import { RecordReader } from "./mvcc-record.ts";

/** The bucket that holds every revision of every key. */
export const KEY_BUCKET = "key";
const REGISTRY = new TextEncoder().encode("/registry/");

/** A key as it stood when the snapshot was taken. */
export interface LiveKey {
  /** As text; Kubernetes uses nothing else. */
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  /** Writes since it was created. */
  readonly version: number;
  /** Bytes. */
  readonly valueSize: number;
  /** Reads the value from the file. */
  readonly readValue: () => Promise<Uint8Array>;
}

/** Counts of a live set, growing while pages are added. */
export interface LiveCounts {
  /** Highest revision met; 1 for an empty store, as etcd has it. */
  readonly revision: number;
  readonly keys: number;
  /** Those under /registry/: Kubernetes objects. */
  readonly registryKeys: number;
  /** Objects written after the revision that was asked for; those that were deleted are not counted. */
  readonly newerObjects: number;
}

/** Builds the live set from leaf pages of the `key` bucket that are handed in **last page first**. */
export class LiveSet implements LiveCounts {
  revision = 1;
  keys = 0;
  registryKeys = 0;
  newerObjects = 0;
  readonly #upTo: number;
  readonly #seen = new KeySet();
  readonly #record = new RecordReader();

  /** `upTo`: the live set as it was at that revision, which must not have been compacted since. */
  constructor(upTo = Infinity) {
    this.#upTo = upTo;
  }

  /** Takes a page; calls back with each record on it that is live, good until the call returns. Throws SNAPSHOT_STRUCTURE. */
  add(page: Page, onLive?: (record: RecordReader) => void): void {
    const record = this.#record;
    for (let index = page.count - 1; index >= 0; index -= 1) {
      record.read(page, index);
      if (record.revision > this.revision) this.revision = record.revision;
      if (!record.tombstone && record.modRevision !== record.revision) {
        throw structureError(
          `a record on page ${page.id} is filed under revision ${record.revision} and says ${record.modRevision}`,
        );
      }
      if (record.revision > this.#upTo) {
        if (!record.tombstone && record.startsWith(page, REGISTRY)) this.newerObjects += 1;
        continue;
      }
      const first = this.#seen.add(page.view, record.keyStart, record.keyLength);
      if (!first || record.tombstone) continue;
      this.keys += 1;
      if (record.startsWith(page, REGISTRY)) this.registryKeys += 1;
      onLive?.(record);
    }
  }
}

/** What is kept of a live record when its page goes. */
export function liveKey(file: RandomAccess, page: Page, record: RecordReader): LiveKey {
  const { createRevision, modRevision, version, valueLength } = record;
  const offset = page.fileOffset + (record.valueStart - page.start);
  return {
    key: new TextDecoder().decode(bytesAt(page, record.keyStart, record.keyLength)),
    createRevision,
    modRevision,
    version,
    valueSize: valueLength,
    readValue: async () => (valueLength === 0 ? new Uint8Array() : file.read(offset, valueLength)),
  };
}

export interface LiveOptions {
  /** Only keys that begin with it. */
  readonly prefix?: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Every live key, newest change first, without holding more than a few pages and 16
 * bytes a key. Throws SNAPSHOT_STRUCTURE while it walks.
 */
export async function* liveKeys(
  bolt: BoltFile,
  options: LiveOptions = {},
): AsyncGenerator<LiveKey> {
  const { signal } = options;
  const prefix = new TextEncoder().encode(options.prefix ?? "");
  const groups = await bucketLeaves(bolt, [KEY_BUCKET], { descending: true, signal });
  if (groups === undefined) return;
  const live = new LiveSet();
  for await (const leaves of groups) {
    const found: LiveKey[] = [];
    for (const leaf of leaves) {
      live.add(leaf, (record) => {
        if (record.startsWith(leaf, prefix)) found.push(liveKey(bolt.file, leaf, record));
      });
    }
    yield* found;
  }
}
