/** Branch and leaf pages: their elements, and the checks on one page alone. */
import { compareAt, u64, viewOf } from "./bytes.ts";
import { PAGE_HEADER_LENGTH } from "./bolt-meta.ts";
import { structureError } from "./damage.ts";

export const BRANCH_FLAG = 0x01;
export const LEAF_FLAG = 0x02;
const ELEMENT_LENGTH = 16;
/** A bucket's value: root page and sequence number, then its only page when the root is 0 ("inline"). */
const BUCKET_HEADER_LENGTH = 16;
/** bbolt's MaxKeySize. */
const MAX_KEY_LENGTH = 32_768;

/** One page with its overflow, inside a larger piece of the file. */
export interface Page {
  readonly id: number;
  readonly leaf: boolean;
  readonly count: number;
  readonly overflow: number;
  /** The piece of the file that holds the page; `start` and `end` are the page's place in it. */
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
  /** Where the page begins in the file, in bytes. */
  readonly fileOffset: number;
}

/** Where the parts of a leaf element lie, as offsets into the page's view. */
export interface LeafElement {
  readonly bucket: boolean;
  readonly keyStart: number;
  readonly keyLength: number;
  readonly valueLength: number;
}

/** The element at an index of a checked leaf page. Its value follows its key. */
export function leafElement(page: Page, index: number): LeafElement {
  const at = elementAt(page, index);
  return {
    bucket: page.view.getUint32(at, true) === 1,
    keyStart: at + page.view.getUint32(at + 4, true),
    keyLength: page.view.getUint32(at + 8, true),
    valueLength: page.view.getUint32(at + 12, true),
  };
}

/** Where an element of a page lies; for loops over all records, which must not allocate. */
export function elementAt(page: Page, index: number): number {
  return page.start + PAGE_HEADER_LENGTH + index * ELEMENT_LENGTH;
}

/** A view of bytes of a page, valid as long as the page. */
export function bytesAt(page: Page, start: number, length: number): Uint8Array {
  return new Uint8Array(page.view.buffer, page.view.byteOffset + start, length);
}

/** The child page of an element of a checked branch page. */
export function branchChild(page: Page, index: number): number {
  return u64(page.view, elementAt(page, index) + 8);
}

/**
 * Checks every element of a page: inside the page, behind the element before,
 * keys rising. Throws SNAPSHOT_STRUCTURE.
 */
export function checkPage(page: Page): void {
  const { view, leaf } = page;
  const table = page.start + PAGE_HEADER_LENGTH;
  let free = table + page.count * ELEMENT_LENGTH;
  if (free > page.end) throw structureError(`page ${page.id} cannot hold ${page.count} elements`);
  if (!leaf && page.count === 0) throw structureError(`branch page ${page.id} has no children`);
  let previousStart = 0;
  let previousLength = 0;
  for (let index = 0; index < page.count; index += 1) {
    const at = table + index * ELEMENT_LENGTH;
    const field = leaf ? at + 4 : at;
    const keyStart = at + view.getUint32(field, true);
    const keyLength = view.getUint32(field + 4, true);
    const valueLength = leaf ? view.getUint32(at + 12, true) : 0;
    if (keyStart < free || keyStart + keyLength + valueLength > page.end) {
      throw structureError(`element ${index} of page ${page.id} lies outside its place`);
    }
    if (keyLength === 0 || keyLength > MAX_KEY_LENGTH) {
      throw structureError(`element ${index} of page ${page.id} has a key of ${keyLength} bytes`);
    }
    if (
      index > 0 &&
      compareAt(view, previousStart, previousLength, view, keyStart, keyLength) >= 0
    ) {
      throw structureError(`the keys of page ${page.id} are out of order at element ${index}`);
    }
    if (leaf) {
      const flags = view.getUint32(at, true);
      if (flags !== 0) checkBucketFlag(page, { index, flags, valueLength });
    }
    previousStart = keyStart;
    previousLength = keyLength;
    free = keyStart + keyLength + valueLength;
  }
}

interface BucketFlag {
  readonly index: number;
  readonly flags: number;
  readonly valueLength: number;
}

function checkBucketFlag(page: Page, { index, flags, valueLength }: BucketFlag): void {
  if (flags !== 1) {
    throw structureError(`element ${index} of page ${page.id} is of an unknown kind (${flags})`);
  }
  if (valueLength < BUCKET_HEADER_LENGTH) {
    throw structureError(`the bucket in element ${index} of page ${page.id} is cut short`);
  }
}

/** Whether the first key of a checked page is below the key at an index of its parent. */
export function startsBelow(page: Page, parent: Page, index: number): boolean {
  return page.count > 0 && compareKeys(page, 0, parent, index) < 0;
}

/** Whether the last key of a checked page is not below the key at an index of a branch page. */
export function endsAbove(page: Page, branch: Page, index: number): boolean {
  return page.count > 0 && compareKeys(page, page.count - 1, branch, index) >= 0;
}

/** Keys of two elements. Four arguments, against the house rule: it runs for every page and must not allocate. */
function compareKeys(left: Page, leftIndex: number, right: Page, rightIndex: number): number {
  const leftAt = keyField(left, leftIndex);
  const rightAt = keyField(right, rightIndex);
  return compareAt(
    left.view,
    elementAt(left, leftIndex) + left.view.getUint32(leftAt, true),
    left.view.getUint32(leftAt + 4, true),
    right.view,
    elementAt(right, rightIndex) + right.view.getUint32(rightAt, true),
    right.view.getUint32(rightAt + 4, true),
  );
}

/** Where the place and length of an element's key stand: a leaf's element begins with its flags. */
function keyField(page: Page, index: number): number {
  return elementAt(page, index) + (page.leaf ? 4 : 0);
}

/** What a bucket's element leads to: a page of its own, or the page inside the value. */
export type BucketRoot = { readonly page: number } | { readonly inline: Page };

/** Reads the value of a bucket element. Throws SNAPSHOT_STRUCTURE when its inline page is not sound. */
export function bucketRoot(page: Page, element: LeafElement): BucketRoot {
  const valueStart = element.keyStart + element.keyLength;
  const root = u64(page.view, valueStart);
  if (root !== 0) return { page: root };
  const start = valueStart + BUCKET_HEADER_LENGTH;
  const end = valueStart + element.valueLength;
  const where = `the bucket inside page ${page.id}`;
  if (end - start < PAGE_HEADER_LENGTH) throw structureError(`${where} has no page`);
  const flags = page.view.getUint16(start + 8, true);
  if (flags !== LEAF_FLAG || u64(page.view, start) !== 0) {
    throw structureError(`${where} is not a leaf`);
  }
  const inline: Page = {
    id: page.id,
    leaf: true,
    count: page.view.getUint16(start + 10, true),
    overflow: 0,
    view: page.view,
    start,
    end,
    fileOffset: page.fileOffset + (start - page.start),
  };
  checkPage(inline);
  for (let index = 0; index < inline.count; index += 1) {
    // bbolt moves a bucket to a page of its own before it puts another one into it.
    if (leafElement(inline, index).bucket) throw structureError(`${where} holds a further bucket`);
  }
  return { inline: ownPage(inline) };
}

/** A copy of a page that does not keep the piece of the file it came in alive. */
export function ownPage(page: Page): Page {
  const { buffer, byteOffset } = page.view;
  const copy = new Uint8Array(buffer, byteOffset + page.start, page.end - page.start).slice();
  return { ...page, view: viewOf(copy), start: 0, end: copy.byteLength };
}
