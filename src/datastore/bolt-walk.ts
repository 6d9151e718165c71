/** Walking the tree of one bucket, checking every page on the way. */
import type { BoltFile } from "./bolt-meta.ts";
import { branchChild, branchKey, checkPage } from "./bolt-page.ts";
import type { Bounds, Page } from "./bolt-page.ts";
import { GROUP, ownPage, readPages } from "./bolt-read.ts";
import { structureError } from "./damage.ts";
import type { PageLedger } from "./page-ledger.ts";

/** A tree of 2^64 keys at two a page is no deeper. */
const DEEPEST = 64;

export interface WalkOptions {
  /** Which pages were reached already: shared by the walks of one check. */
  readonly ledger: PageLedger;
  /** Last key first. */
  readonly descending?: boolean;
  readonly signal?: AbortSignal | undefined;
}

interface Child extends Bounds {
  readonly id: number;
}

/**
 * The leaf pages below a root page, in key order, a few dozen at a time. A group is
 * good only until the next one is asked for, and its pages are checked.
 * Throws SNAPSHOT_STRUCTURE at the first page that is not sound.
 */
export function leafGroups(
  bolt: BoltFile,
  root: number,
  options: WalkOptions,
): AsyncGenerator<readonly Page[]> {
  const top: Child = { id: root, lower: undefined, upper: undefined };
  return below(bolt, [top], { ...options, depth: 0 });
}

async function* below(
  bolt: BoltFile,
  children: readonly Child[],
  options: WalkOptions & { readonly depth: number },
): AsyncGenerator<readonly Page[]> {
  const { ledger, signal, descending = false, depth } = options;
  if (depth > DEEPEST) throw structureError(`its tree is deeper than ${DEEPEST} pages`);
  const ordered = descending ? children.toReversed() : children;
  for (let from = 0; from < ordered.length; from += GROUP) {
    signal?.throwIfAborted();
    const group = ordered.slice(from, from + GROUP);
    const pages = await checkedPages(bolt, group, ledger);
    let leaves: Page[] = [];
    for (const [index, page] of pages.entries()) {
      const bounds = group[index];
      if (page.leaf || bounds === undefined) {
        leaves.push(page);
        continue;
      }
      if (leaves.length > 0) yield leaves;
      leaves = [];
      yield* below(bolt, childrenOf(page, bounds), { ...options, depth: depth + 1 });
    }
    if (leaves.length > 0) yield leaves;
  }
}

async function checkedPages(
  bolt: BoltFile,
  group: readonly Child[],
  ledger: PageLedger,
): Promise<Page[]> {
  for (const { id } of group) {
    if (id < 2 || id >= bolt.meta.pages) {
      throw structureError(`it points to page ${id} of ${bolt.meta.pages}`);
    }
  }
  const ids = group.map(({ id }) => id);
  const pages = await readPages(bolt, ids);
  return pages.map((page, index) => {
    ledger.reach(page.id, page.overflow);
    const bounds = group[index];
    if (bounds !== undefined) checkPage(page, bounds);
    // Branches outlive their window: it must not be held while their leaves are read.
    return page.leaf ? page : ownPage(page);
  });
}

function childrenOf(page: Page, bounds: Bounds): Child[] {
  const children: Child[] = [];
  let upper = bounds.upper;
  for (let index = page.count - 1; index >= 0; index -= 1) {
    const lower = branchKey(page, index);
    children.push({ id: branchChild(page, index), lower, upper });
    upper = lower;
  }
  return children.reverse();
}
