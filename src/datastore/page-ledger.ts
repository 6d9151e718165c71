/** Which pages of a bolt file were met, a bit each: 256 KiB for 8 GiB. */
import { structureError } from "./damage.ts";

export class PageLedger {
  readonly pages: number;
  /** How many were met. */
  met = 0;
  readonly #bits: Uint8Array;

  /** `pages` is the high-water mark. */
  constructor(pages: number) {
    this.pages = pages;
    this.#bits = new Uint8Array(Math.ceil(pages / 8));
  }

  has(id: number): boolean {
    return ((this.#bits[id >>> 3] ?? 0) & (1 << (id & 7))) !== 0;
  }

  /** Marks a page; false when it was marked before. Its id must be below the high-water mark. */
  mark(id: number): boolean {
    const bit = 1 << (id & 7);
    const byte = this.#bits[id >>> 3] ?? 0;
    if ((byte & bit) !== 0) return false;
    this.#bits[id >>> 3] = byte | bit;
    this.met += 1;
    return true;
  }

  /** Marks a page and its overflow; throws SNAPSHOT_STRUCTURE when one of them was met before. */
  reach(first: number, overflow: number): void {
    for (let id = first; id <= first + overflow; id += 1) {
      if (!this.mark(id)) throw structureError(`page ${id} is used twice`);
    }
  }
}
