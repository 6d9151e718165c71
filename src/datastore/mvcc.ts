/**
 * What etcd holds: the live set of the `key` bucket, where the last revision of a
 * key wins. Read from the newest revision to the oldest: the first record met of a
 * key is its last, so a set of keys seen is all that must be remembered.
 */
import type { RandomAccess } from "../sys/files.ts";
import { bucketLeaves } from "./bolt.ts";
import { bytesAt } from "./bolt-check.ts";
import type { BoltFile } from "./bolt-meta.ts";
import { leafElement } from "./bolt-page.ts";
import type { Page } from "./bolt-page.ts";
import { structureError } from "./damage.ts";
import { KeySet } from "./key-set.ts";
import { readKeyValue, readRevision } from "./mvcc-record.ts";
import type { KeyValue } from "./mvcc-record.ts";

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

/** A live record while its page is in memory. */
export type LiveRecord = KeyValue & { readonly page: Page };

/** Counts of a live set, growing while pages are added. */
export interface LiveCounts {
  /** Highest revision met; 1 for an empty store, as etcd has it. */
  readonly revision: number;
  readonly keys: number;
  /** Those under /registry/: Kubernetes objects. */
  readonly registryKeys: number;
}

/** Builds the live set from leaf pages of the `key` bucket that are handed in **last page first**. */
export class LiveSet implements LiveCounts {
  revision = 1;
  keys = 0;
  registryKeys = 0;
  readonly #seen = new KeySet();

  /** Takes a page; calls back for each record on it that is live. Throws SNAPSHOT_STRUCTURE. */
  add(page: Page, onLive?: (record: LiveRecord) => void): void {
    for (let index = page.count - 1; index >= 0; index -= 1) {
      const element = leafElement(page, index);
      const { main, tombstone } = readRevision(page, element);
      if (main > this.revision) this.revision = main;
      const record = readKeyValue(page, element);
      if (!tombstone && record.modRevision !== main) {
        throw structureError(
          `a record on page ${page.id} is filed under revision ${main} and says ${record.modRevision}`,
        );
      }
      const first = this.#seen.add(page.view, record.keyStart, record.keyLength);
      if (!first || tombstone) continue;
      this.keys += 1;
      if (startsWith(page, record, REGISTRY)) this.registryKeys += 1;
      onLive?.({ ...record, page });
    }
  }
}

/** Whether the key of a record begins with these bytes. */
export function startsWith(page: Page, record: KeyValue, prefix: Uint8Array): boolean {
  if (record.keyLength < prefix.byteLength) return false;
  for (const [index, byte] of prefix.entries()) {
    if (page.view.getUint8(record.keyStart + index) !== byte) return false;
  }
  return true;
}

/** What is kept of a live record when its page goes. */
export function liveKey(file: RandomAccess, record: LiveRecord): LiveKey {
  const { page, createRevision, modRevision, version, valueLength } = record;
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
        if (startsWith(leaf, record, prefix)) found.push(liveKey(bolt.file, record));
      });
    }
    yield* found;
  }
}
