/** Reading buckets of a bolt file by name. */
import type { BoltFile } from "./bolt-meta.ts";
import { bucketRoot, bytesAt, leafElement } from "./bolt-page.ts";
import type { BucketRoot, Page } from "./bolt-page.ts";
import { leafGroups } from "./bolt-walk.ts";
import { PageLedger } from "./page-ledger.ts";

export { checkBolt } from "./bolt-check.ts";
export { openBolt } from "./bolt-meta.ts";
export type { BoltFile, BoltMeta } from "./bolt-meta.ts";

export interface BucketOptions {
  /** Last key first. */
  readonly descending?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A key and its value. Both are views that are good only until the next entry is asked for: copy what is kept. */
export interface BucketEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * The leaf pages of the bucket at a path of names, in key order, a few dozen at a time;
 * undefined when there is no such bucket. Throws SNAPSHOT_STRUCTURE while it walks.
 */
export async function bucketLeaves(
  bolt: BoltFile,
  path: readonly string[],
  options: BucketOptions = {},
): Promise<AsyncGenerator<readonly Page[]> | undefined> {
  let root: BucketRoot = { page: bolt.meta.root };
  for (const name of path) {
    const found = await findBucket(bolt, root, name);
    if (found === undefined) return undefined;
    root = found;
  }
  return pagesOf(bolt, root, options);
}

/**
 * The entries of the bucket at a path of names, without its nested buckets; nothing
 * when there is no such bucket. Throws SNAPSHOT_STRUCTURE while it walks.
 */
export async function* bucketEntries(
  bolt: BoltFile,
  path: readonly string[],
  options: BucketOptions = {},
): AsyncGenerator<BucketEntry> {
  const groups = await bucketLeaves(bolt, path, options);
  if (groups === undefined) return;
  for await (const leaves of groups) {
    for (const leaf of leaves) yield* entriesOf(leaf, options.descending ?? false);
  }
}

function* entriesOf(page: Page, descending: boolean): Generator<BucketEntry> {
  for (let step = 0; step < page.count; step += 1) {
    const element = leafElement(page, descending ? page.count - 1 - step : step);
    if (element.bucket) continue;
    const { keyStart, keyLength, valueLength } = element;
    yield {
      key: bytesAt(page, keyStart, keyLength),
      value: bytesAt(page, keyStart + keyLength, valueLength),
    };
  }
}

async function findBucket(
  bolt: BoltFile,
  root: BucketRoot,
  name: string,
): Promise<BucketRoot | undefined> {
  // etcd has some ten buckets, so looking at each is as good as a search by key.
  for await (const leaves of pagesOf(bolt, root, {})) {
    for (const leaf of leaves) {
      for (let index = 0; index < leaf.count; index += 1) {
        const element = leafElement(leaf, index);
        const key = bytesAt(leaf, element.keyStart, element.keyLength);
        if (element.bucket && new TextDecoder().decode(key) === name) {
          return bucketRoot(leaf, element);
        }
      }
    }
  }
  return undefined;
}

async function* pagesOf(
  bolt: BoltFile,
  root: BucketRoot,
  options: BucketOptions,
): AsyncGenerator<readonly Page[]> {
  if ("inline" in root) yield [root.inline];
  else yield* leafGroups(bolt, root.page, { ...options, ledger: new PageLedger(bolt.meta.pages) });
}
