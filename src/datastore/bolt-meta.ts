/** The two meta pages of a bolt v2 file: where the tree begins and how far the file reaches. */
import type { RandomAccess } from "../sys/files.ts";
import { u64, viewOf } from "./bytes.ts";
import { notBoltError, structureError } from "./damage.ts";

export const PAGE_HEADER_LENGTH = 16;
export const META_FLAG = 0x04;
/** What meta.freelist holds when the list of free pages is not stored (etcd opens bolt with NoFreelistSync). */
const NO_FREELIST = 0xffff_ffff_ffff_ffffn;

const MAGIC = 0xed0c_daed;
const VERSION = 2;
/** Offsets inside the meta structure, which follows the page header. */
const AT = {
  version: 4,
  pageSize: 8,
  root: 16,
  freelist: 32,
  pages: 40,
  transaction: 48,
  checksum: 56,
};
const META_LENGTH = 64;
/** 1 KiB to 64 KiB: the page sizes of Linux hosts, with room below as bbolt has it. */
const PAGE_SIZES = [1024, 2048, 4096, 8192, 16_384, 32_768, 65_536] as const;

export interface BoltMeta {
  /** Bytes. */
  readonly pageSize: number;
  /** Page of the root bucket. */
  readonly root: number;
  /** Page of the list of free pages; undefined when the file has none. */
  readonly freelist: number | undefined;
  /** The high-water mark: pages 0 to `pages` - 1 exist. */
  readonly pages: number;
  readonly transaction: bigint;
}

/** A bolt file, opened: its bytes and its valid meta page. */
export interface BoltFile {
  readonly file: RandomAccess;
  readonly meta: BoltMeta;
}

/**
 * Finds the valid meta page with the highest transaction, as bbolt does.
 * Throws SNAPSHOT_NOT_BOLT when there is none, SNAPSHOT_STRUCTURE when it points outside the file.
 */
export async function openBolt(file: RandomAccess): Promise<BoltFile> {
  const first = await metaAt(file, 0);
  const metas: BoltMeta[] = [];
  if (typeof first === "object") {
    metas.push(first);
    const second = await metaAt(file, first.pageSize);
    if (typeof second === "object" && second.pageSize === first.pageSize) metas.push(second);
  } else {
    for (const pageSize of PAGE_SIZES) {
      const second = await metaAt(file, pageSize);
      if (typeof second === "object" && second.pageSize === pageSize) metas.push(second);
    }
  }
  const best = metas.reduce<BoltMeta | undefined>(
    (found, meta) => (found === undefined || meta.transaction > found.transaction ? meta : found),
    undefined,
  );
  if (best === undefined) throw notBoltError(typeof first === "string" ? first : "no meta page");
  checkExtent(file, best);
  return { file, meta: best };
}

function checkExtent(file: RandomAccess, meta: BoltMeta): void {
  if (meta.pages * meta.pageSize > file.size) {
    throw structureError(
      `it needs ${meta.pages} pages of ${meta.pageSize} bytes, the file has ${file.size} bytes`,
    );
  }
  if (meta.root < 2 || meta.root >= meta.pages) {
    throw structureError(`its root is page ${meta.root} of ${meta.pages}`);
  }
  if (meta.freelist !== undefined && (meta.freelist < 2 || meta.freelist >= meta.pages)) {
    throw structureError(`its list of free pages is page ${meta.freelist} of ${meta.pages}`);
  }
}

/** The meta page at an offset, or the reason why there is none as a clause. */
async function metaAt(file: RandomAccess, offset: number): Promise<BoltMeta | string> {
  const length = PAGE_HEADER_LENGTH + META_LENGTH;
  if (offset + length > file.size) return `${file.size} bytes are too few for a bolt database`;
  const view = viewOf(await file.read(offset, length));
  const at = PAGE_HEADER_LENGTH;
  if (view.getUint32(at, true) !== MAGIC) return "bolt's magic number is not at its beginning";
  const version = view.getUint32(at + AT.version, true);
  if (version !== VERSION) return `its bolt version is ${version}, known is ${VERSION}`;
  if (fnv64a(view, at, AT.checksum) !== view.getBigUint64(at + AT.checksum, true)) {
    return "the checksums of its meta pages are wrong";
  }
  const pageSize = view.getUint32(at + AT.pageSize, true);
  if (!PAGE_SIZES.some((size) => size === pageSize)) return `its page size is ${pageSize}`;
  const freelist = view.getBigUint64(at + AT.freelist, true);
  return {
    pageSize,
    root: u64(view, at + AT.root),
    freelist: freelist === NO_FREELIST ? undefined : Number(freelist),
    pages: u64(view, at + AT.pages),
    transaction: view.getBigUint64(at + AT.transaction, true),
  };
}

function fnv64a(view: DataView, start: number, length: number): bigint {
  let hash = 0xcbf2_9ce4_8422_2325n;
  for (let index = 0; index < length; index += 1) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(view.getUint8(start + index))) * 0x100_0000_01b3n);
  }
  return hash;
}
