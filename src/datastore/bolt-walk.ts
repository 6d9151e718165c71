/** Walking the tree of one bucket, checking every page on the way. */
import type { BoltFile } from "./bolt-meta.ts";
import { branchChild, checkPage, endsAbove, ownPage, startsBelow } from "./bolt-page.ts";
import type { Page } from "./bolt-page.ts";
import { GROUP, PageMemory, readPages } from "./bolt-read.ts";
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

/** Pages to visit: the root alone, or the children of a branch page. */
type Level = { readonly root: number } | Branch;

interface Branch {
  readonly parent: Page;
  /** The element above that ends the last child: the first key of the next branch page. */
  readonly next: Element | undefined;
}

interface LevelOptions extends WalkOptions {
  readonly memory: PageMemory;
  readonly depth: number;
}

interface Element {
  readonly page: Page;
  readonly index: number;
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
  return below(bolt, { root }, { ...options, memory: new PageMemory(bolt.file), depth: 0 });
}

async function* below(
  bolt: BoltFile,
  level: Level,
  options: LevelOptions,
): AsyncGenerator<readonly Page[]> {
  const { ledger, memory, signal, descending = false, depth } = options;
  if (depth > DEEPEST) throw structureError(`its tree is deeper than ${DEEPEST} pages`);
  const count = "root" in level ? 1 : level.parent.count;
  for (let from = 0; from < count;) {
    signal?.throwIfAborted();
    const indexes = groupOf(from, { count, descending });
    const pages = await checkedPages(bolt, level, { indexes, ledger, memory });
    from += pages.length;
    let leaves: Page[] = [];
    for (const [at, page] of pages.entries()) {
      if (page.leaf) {
        leaves.push(page);
        continue;
      }
      if (leaves.length > 0) yield leaves;
      leaves = [];
      const next = nextOf(level, indexes[at] ?? 0);
      yield* below(bolt, { parent: page, next }, { ...options, depth: depth + 1 });
    }
    if (leaves.length > 0) yield leaves;
  }
}

/** The indexes of up to GROUP elements, in the order of the walk. */
function groupOf(
  from: number,
  { count, descending }: { readonly count: number; readonly descending: boolean },
): number[] {
  const indexes: number[] = [];
  for (let step = from; step < Math.min(from + GROUP, count); step += 1) {
    indexes.push(descending ? count - 1 - step : step);
  }
  return indexes;
}

/** The element that ends the child at an index. */
function nextOf(level: Level, index: number): Element | undefined {
  if ("root" in level) return undefined;
  if (index + 1 === level.parent.count) return level.next;
  return { page: level.parent, index: index + 1 };
}

function checkBounds(page: Page, { parent, next }: Branch, index: number): void {
  if (startsBelow(page, parent, index)) {
    throw structureError(`page ${page.id} holds keys below those its parent says`);
  }
  const last = index + 1 === parent.count;
  if (
    last
      ? next !== undefined && endsAbove(page, next.page, next.index)
      : endsAbove(page, parent, index + 1)
  ) {
    throw structureError(`page ${page.id} holds keys above those its parent says`);
  }
}

interface Group {
  readonly indexes: readonly number[];
  readonly ledger: PageLedger;
  readonly memory: PageMemory;
}

async function checkedPages(
  bolt: BoltFile,
  level: Level,
  { indexes, ledger, memory }: Group,
): Promise<Page[]> {
  const ids =
    "root" in level ? [level.root] : indexes.map((index) => branchChild(level.parent, index));
  for (const id of ids) {
    if (id < 2 || id >= bolt.meta.pages) {
      throw structureError(`it points to page ${id} of ${bolt.meta.pages}`);
    }
  }
  const pages = await readPages(bolt, ids, memory);
  for (const [at, page] of pages.entries()) {
    ledger.reach(page.id, page.overflow);
    checkPage(page);
    if ("parent" in level) checkBounds(page, level, indexes[at] ?? 0);
  }
  // A branch outlives its group: the memory is read into again for its children.
  return pages.every(({ leaf }) => leaf) ? pages : pages.map(ownPage);
}
