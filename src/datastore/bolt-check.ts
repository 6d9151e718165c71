/** The whole structure of a bolt file, as `bbolt check` proves it and a little more. */
import type { RandomAccess } from "../sys/files.ts";
import { readFreelist } from "./bolt-freelist.ts";
import { META_FLAG, openBolt, PAGE_HEADER_LENGTH } from "./bolt-meta.ts";
import type { BoltFile } from "./bolt-meta.ts";
import { bucketRoot, bytesAt, elementAt, leafElement } from "./bolt-page.ts";
import type { BucketRoot, Page } from "./bolt-page.ts";
import { leafGroups } from "./bolt-walk.ts";
import { u64, viewOf } from "./bytes.ts";
import { structureError } from "./damage.ts";
import { PageLedger } from "./page-ledger.ts";
import type { ReadOptions } from "./trailer.ts";

export interface CheckOptions extends ReadOptions {
  /**
   * Called with each leaf page of each top-level bucket, **last page first**, while it
   * is in memory: so one walk both proves the file and reads it.
   */
  readonly onLeaf?: (bucket: string, page: Page) => void;
}

interface Bucket {
  /** Names from the top, as text; empty for the root bucket. */
  readonly path: readonly string[];
  readonly root: BucketRoot;
}

/**
 * Walks every page that can be reached and checks that together they make a sound
 * database: see checkPage(), PageLedger and readFreelist() for what. Throws
 * SNAPSHOT_NOT_BOLT or SNAPSHOT_STRUCTURE at the first fault.
 */
export async function checkBolt(file: RandomAccess, options: CheckOptions = {}): Promise<BoltFile> {
  const bolt = await openBolt(file);
  const { meta } = bolt;
  const ledger = new PageLedger(meta.pages);
  await checkMetaHeaders(bolt);
  ledger.reach(0, 1);
  const free = await readFreelist(bolt, ledger);
  const waiting: Bucket[] = [{ path: [], root: { page: meta.root } }];
  for (let bucket = waiting.pop(); bucket !== undefined; bucket = waiting.pop()) {
    for await (const leaves of leavesOf(bolt, bucket, { ledger, signal: options.signal })) {
      for (const leaf of leaves) {
        waiting.push(...bucketsIn(leaf, bucket.path));
        const name = bucket.path.length === 1 ? bucket.path[0] : undefined;
        if (name !== undefined) options.onLeaf?.(name, leaf);
      }
      options.onProgress?.(ledger.met * meta.pageSize, meta.pages * meta.pageSize);
    }
  }
  if (free !== undefined) checkFree(ledger, free);
  return bolt;
}

/** Both meta pages must be called so, though the content of one may be broken: bbolt has it so. */
async function checkMetaHeaders({ file, meta }: BoltFile): Promise<void> {
  for (const id of [0, 1]) {
    const header = viewOf(await file.read(id * meta.pageSize, PAGE_HEADER_LENGTH));
    if (u64(header, 0) !== id || header.getUint16(8, true) !== META_FLAG) {
      throw structureError(`page ${id} is not a meta page`);
    }
  }
}

async function* leavesOf(
  bolt: BoltFile,
  bucket: Bucket,
  options: { readonly ledger: PageLedger; readonly signal: AbortSignal | undefined },
): AsyncGenerator<readonly Page[]> {
  if ("inline" in bucket.root) yield [bucket.root.inline];
  else yield* leafGroups(bolt, bucket.root.page, { ...options, descending: true });
}

function bucketsIn(page: Page, path: readonly string[]): Bucket[] {
  const found: Bucket[] = [];
  for (let index = 0; index < page.count; index += 1) {
    if (page.view.getUint32(elementAt(page, index), true) === 0) continue;
    const element = leafElement(page, index);
    const name = bytesAt(page, element.keyStart, element.keyLength);
    found.push({
      path: [...path, new TextDecoder().decode(name)],
      root: bucketRoot(page, element),
    });
  }
  return found;
}

/** With a stored list, each page is either used or free: bbolt calls anything else a leak. */
function checkFree(reached: PageLedger, free: PageLedger): void {
  for (let id = 0; id < reached.pages; id += 1) {
    const used = reached.has(id);
    if (used && free.has(id)) throw structureError(`page ${id} is in use and listed as free`);
    if (!used && !free.has(id)) throw structureError(`page ${id} is neither in use nor free`);
  }
}
