/**
 * Getting pages out of the file: neighbours in one read, scattered ones at the
 * same time. What is held at once is bounded by GROUP pages and their gaps.
 */
import type { RandomAccess } from "../sys/files.ts";
import type { BoltFile, BoltMeta } from "./bolt-meta.ts";
import { BRANCH_FLAG, LEAF_FLAG } from "./bolt-page.ts";
import type { Page } from "./bolt-page.ts";
import { u64, viewOf } from "./bytes.ts";
import { structureError } from "./damage.ts";

/** Pages asked for at once. */
export const GROUP = 64;
/** Bytes between two wanted pages that are cheaper to read than to skip. */
const GAP = 64 * 1024;
const WINDOW = 128 * 1024;
/** No leaf etcd writes comes near it: two or three requests of 1.5 MiB (its default limit) to a page. */
const LARGEST_PAGE = 64 * 1024 * 1024;

interface Window {
  readonly first: number;
  readonly view: DataView;
}

/**
 * Reads tree pages with their overflow, in the order asked for. Ids must be below
 * the high-water mark. Throws SNAPSHOT_STRUCTURE when a header is not sound.
 */
export async function readPages(bolt: BoltFile, ids: readonly number[]): Promise<Page[]> {
  const { file, meta } = bolt;
  const windows = await Promise.all(
    windowsOver(ids, meta.pageSize).map(({ first, pages }) =>
      readWindow(file, first * meta.pageSize, pages * meta.pageSize).then((view): Window => ({
        first,
        view,
      })),
    ),
  );
  const found: Page[] = [];
  for (const id of ids) {
    const window = windows.findLast(({ first }) => first <= id);
    if (window === undefined) throw new TypeError(`page ${id} was not read`);
    const page = parsePage(window, id, meta);
    found.push(page.end <= page.view.byteLength ? page : await readWhole(file, page));
  }
  return found;
}

async function readWindow(file: RandomAccess, offset: number, length: number): Promise<DataView> {
  return viewOf(await file.read(offset, length));
}

/** The runs of pages to read for these ids, in rising order. */
function windowsOver(ids: readonly number[], pageSize: number): { first: number; pages: number }[] {
  const reach = Math.max(1, Math.floor(GAP / pageSize));
  const limit = Math.max(1, Math.floor(WINDOW / pageSize));
  const windows: { first: number; pages: number }[] = [];
  for (const id of ids.toSorted((left, right) => left - right)) {
    const last = windows.at(-1);
    if (last !== undefined && id - last.first < last.pages + reach && id - last.first < limit) {
      last.pages = Math.max(last.pages, id - last.first + 1);
    } else {
      windows.push({ first: id, pages: 1 });
    }
  }
  return windows;
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

/** The same page from a read of its own: its overflow goes beyond the window. */
async function readWhole(file: RandomAccess, page: Page): Promise<Page> {
  const length = page.end - page.start;
  const view = await readWindow(file, page.fileOffset, length);
  return { ...page, view, start: 0, end: length };
}

/** A copy that does not keep the window it came in alive. */
export function ownPage(page: Page): Page {
  const { buffer, byteOffset } = page.view;
  const copy = new Uint8Array(buffer, byteOffset + page.start, page.end - page.start).slice();
  return { ...page, view: viewOf(copy), start: 0, end: copy.byteLength };
}
