/**
 * Getting pages out of the file: neighbours in one read, scattered ones at the
 * same time. What is held at once is bounded by GROUP pages and their gaps.
 */
import type { BoltFile, BoltMeta } from "./bolt-meta.ts";
import { BRANCH_FLAG, LEAF_FLAG } from "./bolt-page.ts";
import type { Page } from "./bolt-page.ts";
import { u64, viewOf } from "./bytes.ts";
import { structureError } from "./damage.ts";
import { Windows } from "./windows.ts";
import type { RandomAccess } from "../sys/files.ts";

/** Pages asked for at once. */
export const GROUP = 64;
/** Bytes between two wanted pages that are cheaper to read than to skip. */
const GAP = 64 * 1024;
const WINDOW = 512 * 1024;
/** Bytes of pages with overflow that are held at once, beyond the first. */
const WHOLE_BUDGET = 4 * 1024 * 1024;
/** No leaf etcd writes comes near it: two or three requests of 1.5 MiB (its default limit) to a page. */
const LARGEST_PAGE = 64 * 1024 * 1024;

interface Run {
  readonly first: number;
  pages: number;
}

interface Window {
  readonly first: number;
  readonly view: DataView;
}

/** Memory that pages are read into, again and again. */
export class PageMemory {
  readonly near: Windows;
  /** For pages whose overflow goes beyond a window. */
  readonly whole: Windows;

  constructor(file: RandomAccess) {
    this.near = new Windows(file);
    this.whole = new Windows(file);
  }
}

/**
 * Reads tree pages with their overflow, in the order asked for: the first of
 * `ids`, and as many more as fit into memory. Ids must be below the high-water
 * mark. The pages are good until `memory` is read into again. Throws
 * SNAPSHOT_STRUCTURE when a header is not sound.
 */
export async function readPages(
  bolt: BoltFile,
  ids: readonly number[],
  memory: PageMemory,
): Promise<Page[]> {
  const { meta } = bolt;
  const runs = runsOver(ids, meta.pageSize);
  const pieces = await memory.near.read(
    runs.map(({ first, pages }) => ({
      offset: first * meta.pageSize,
      length: pages * meta.pageSize,
    })),
  );
  const windows = pieces.map((piece, index) => ({
    first: runs[index]?.first ?? 0,
    view: viewOf(piece),
  }));
  const found: Page[] = [];
  let large = 0;
  for (const id of ids) {
    const window = windows.findLast(({ first }) => first <= id);
    if (window === undefined) throw new TypeError(`page ${id} was not read`);
    const page = parsePage(window, id, meta);
    if (isLarge(page)) large += page.end - page.start;
    if (large > WHOLE_BUDGET && found.length > 0) break;
    found.push(page);
  }
  return large === 0 ? found : readWhole(found, memory.whole);
}

function isLarge(page: Page): boolean {
  return page.end > page.view.byteLength;
}

/** The runs of pages to read for these ids, in rising order. */
function runsOver(ids: readonly number[], pageSize: number): Run[] {
  const reach = Math.max(1, Math.floor(GAP / pageSize));
  const limit = Math.max(1, Math.floor(WINDOW / pageSize));
  const runs: Run[] = [];
  for (const id of ids.toSorted((left, right) => left - right)) {
    const last = runs.at(-1);
    if (last !== undefined && id - last.first < last.pages + reach && id - last.first < limit) {
      last.pages = Math.max(last.pages, id - last.first + 1);
    } else {
      runs.push({ first: id, pages: 1 });
    }
  }
  return runs;
}

function parsePage(window: Window, id: number, meta: BoltMeta): Page {
  const { view } = window;
  const start = (id - window.first) * meta.pageSize;
  const flags = view.getUint16(start + 8, true);
  const overflow = view.getUint32(start + 12, true);
  if (u64(view, start) !== id)
    throw structureError(`page ${id} says it is page ${view.getBigUint64(start, true)}`);
  if (flags !== BRANCH_FLAG && flags !== LEAF_FLAG) {
    throw structureError(`page ${id} is neither branch nor leaf (flags 0x${flags.toString(16)})`);
  }
  if (id + overflow >= meta.pages) {
    throw structureError(`page ${id} reaches beyond the last page`);
  }
  const length = (overflow + 1) * meta.pageSize;
  if (length > LARGEST_PAGE) throw structureError(`page ${id} claims ${length} bytes`);
  return {
    id,
    leaf: flags === LEAF_FLAG,
    count: view.getUint16(start + 10, true),
    overflow,
    view,
    start,
    end: start + length,
    fileOffset: id * meta.pageSize,
  };
}

/** The same pages, those with overflow beyond their window from a read of their own. */
async function readWhole(pages: readonly Page[], memory: Windows): Promise<Page[]> {
  const large = pages.filter(isLarge);
  const pieces = await memory.read(
    large.map(({ fileOffset, start, end }) => ({ offset: fileOffset, length: end - start })),
  );
  const whole = new Map(large.map(({ id }, index) => [id, pieces[index]]));
  return pages.map((page) => {
    const piece = whole.get(page.id);
    if (piece === undefined) return page;
    return { ...page, view: viewOf(piece), start: 0, end: piece.byteLength };
  });
}
