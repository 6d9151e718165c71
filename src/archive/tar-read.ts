/** Reads a tar strictly, from a stream, one member after the other. Memory stays flat. */
import { refused } from "./refused.ts";
import { BLOCK, decodeHeader, requirePlainPath } from "./tar-header.ts";
import { applyPax } from "./tar-pax.ts";
import { shownPath } from "./tar-path.ts";
import { byteSource } from "./tar-source.ts";
import type { RawHeader, TarHeader } from "./tar-header.ts";
import type { ByteSource } from "./tar-source.ts";

export interface TarReader {
  /**
   * The next member, or undefined once the end mark was seen and the stream has
   * ended behind it. What is unread of the member before is skipped.
   */
  next(): Promise<TarHeader | undefined>;
  /** The next piece of the member's bytes; undefined when it is complete. */
  read(): Promise<Uint8Array | undefined>;
  cancel(reason: unknown): Promise<void>;
}

const PIECE = 1024 * 1024;
const LARGEST_PAX = 64 * 1024;
/** GNU tar fills its last record (10 KiB, or up to 1 MiB with `-b`) with zeros. */
const LARGEST_PADDING = 1024 * 1024;

/**
 * Opens a tar. Every problem is an OperatorError, exit verifyFailed, code
 * `TAR_CHECKSUM`, `TAR_HEADER`, `TAR_NAME`, `TAR_TYPE`, `TAR_PADDING`,
 * `TAR_CUT`, `TAR_NO_END` or `TAR_TRAILING`. Errors of the stream pass through.
 */
export function readTar(stream: ReadableStream<Uint8Array>): TarReader {
  const source = byteSource(stream);
  let current: TarHeader | undefined;
  let left = 0;
  const read = async (): Promise<Uint8Array | undefined> => {
    if (left === 0) return undefined;
    const piece = await source.piece(Math.min(left, PIECE));
    if (piece === undefined) throw cut(current);
    left -= piece.length;
    if (left === 0 && current !== undefined) await skipPadding(source, current);
    return piece;
  };
  return {
    read,
    async next() {
      while ((await read()) !== undefined);
      current = await readHeader(source);
      left = current?.size ?? 0;
      return current;
    },
    cancel: (reason) => source.cancel(reason),
  };
}

async function readHeader(source: ByteSource): Promise<TarHeader | undefined> {
  const block = await headerBlock(source);
  if (block === undefined) return undefined;
  let header = decodeHeader(block);
  if (header.type === "pax") header = await readPaxMember(source, header);
  requirePlainPath(header.path);
  return { path: header.path, size: header.size, mode: header.mode, mtime: header.mtime };
}

async function readPaxMember(source: ByteSource, pax: RawHeader): Promise<RawHeader> {
  if (pax.size > LARGEST_PAX) throw refused("TAR_HEADER", "a pax header is too large");
  const records = await source.take(pax.size);
  if (records.length < pax.size) throw cut(undefined);
  await skipPadding(source, pax);
  const block = await headerBlock(source);
  const header = block === undefined ? undefined : decodeHeader(block);
  if (header?.type !== "file") {
    throw refused("TAR_HEADER", "a pax header is not followed by its file");
  }
  return applyPax(header, records);
}

/** The next block, or undefined at a proper end. */
async function headerBlock(source: ByteSource): Promise<Uint8Array | undefined> {
  const block = await source.take(BLOCK);
  if (block.length === 0) {
    throw refused("TAR_NO_END", "the archive ends without tar's end mark");
  }
  if (block.length < BLOCK) throw cut(undefined);
  if (!isZero(block)) return block;
  const second = await source.take(BLOCK);
  if (second.length < BLOCK) {
    throw refused("TAR_NO_END", "the archive ends in the middle of tar's end mark");
  }
  if (!isZero(second)) throw trailing();
  await requireEnd(source);
  return undefined;
}

/** Reads to the end of the stream, so that whatever authenticates it has seen its last byte. */
async function requireEnd(source: ByteSource): Promise<void> {
  let seen = 0;
  for (;;) {
    const piece = await source.piece(PIECE);
    if (piece === undefined) return;
    seen += piece.length;
    if (!isZero(piece) || seen > LARGEST_PADDING) throw trailing();
  }
}

async function skipPadding(source: ByteSource, header: TarHeader): Promise<void> {
  const length = -header.size & (BLOCK - 1);
  if (length === 0) return;
  const padding = await source.take(length);
  if (padding.length < length) throw cut(header);
  if (!isZero(padding)) {
    throw refused("TAR_PADDING", `there are bytes hidden behind ${shownPath(header.path)}`);
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function cut(header: TarHeader | undefined): Error {
  const where = header === undefined ? "in a tar header" : `inside ${shownPath(header.path)}`;
  return refused("TAR_CUT", `the archive is cut off ${where}`);
}

function trailing(): Error {
  return refused("TAR_TRAILING", "there is data after the end of the archive");
}
