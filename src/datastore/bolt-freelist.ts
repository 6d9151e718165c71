/** The list of free pages, when the file stores one. */
import type { BoltFile } from "./bolt-meta.ts";
import { PAGE_HEADER_LENGTH } from "./bolt-meta.ts";
import { u64, viewOf } from "./bytes.ts";
import { structureError } from "./damage.ts";
import { PageLedger } from "./page-ledger.ts";

const FREELIST_FLAG = 0x10;
/** A count of 0xffff says that the real one is the first id. */
const LONG_COUNT = 0xffff;
const PIECE = 64 * 1024;

/**
 * The free pages as a ledger; the list's own pages are marked in `reached`.
 * Undefined when the file stores no list. Throws SNAPSHOT_STRUCTURE.
 */
export async function readFreelist(
  bolt: BoltFile,
  reached: PageLedger,
): Promise<PageLedger | undefined> {
  const { file, meta } = bolt;
  const id = meta.freelist;
  if (id === undefined) return undefined;
  const offset = id * meta.pageSize;
  const header = viewOf(await file.read(offset, meta.pageSize));
  const overflow = header.getUint32(12, true);
  if (u64(header, 0) !== id || header.getUint16(8, true) !== FREELIST_FLAG) {
    throw structureError(`page ${id} is not the list of free pages`);
  }
  if (id + overflow >= meta.pages) {
    throw structureError("the list of free pages reaches beyond the last page");
  }
  reached.reach(id, overflow);
  const short = header.getUint16(10, true);
  const long = short === LONG_COUNT;
  const count = long ? u64(header, PAGE_HEADER_LENGTH) : short;
  const start = PAGE_HEADER_LENGTH + (long ? 8 : 0);
  if (start + count * 8 > (overflow + 1) * meta.pageSize) {
    throw structureError(`the list of free pages cannot hold ${count} of them`);
  }
  return readIds(bolt, offset + start, count);
}

async function readIds(bolt: BoltFile, offset: number, count: number): Promise<PageLedger> {
  const { file, meta } = bolt;
  const free = new PageLedger(meta.pages);
  let previous = 1;
  for (let from = 0; from < count * 8; from += PIECE) {
    const view = viewOf(await file.read(offset + from, Math.min(PIECE, count * 8 - from)));
    for (let at = 0; at < view.byteLength; at += 8) {
      const id = u64(view, at);
      if (id <= previous || id >= meta.pages) {
        throw structureError(`the list of free pages is out of order at page ${id}`);
      }
      free.mark(id);
      previous = id;
    }
  }
  return free;
}
