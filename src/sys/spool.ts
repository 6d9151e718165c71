/**
 * A private file without a name, for plaintext too large for memory: unlinked
 * as soon as it is open, so the kernel frees it however the process ends, and
 * nothing has to be wiped after a kill.
 */
import { randomBytes } from "node:crypto";
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { release } from "../buffers.ts";
import type { RandomAccess } from "./files.ts";

export interface SpoolRange extends RandomAccess {
  /** Fills `target` from `offset`; throws a RangeError when the range ends before. */
  readInto(target: Uint8Array, offset: number): Promise<void>;
  /** A fresh stream over the range, in pieces of at most 256 KiB. */
  stream(): ReadableStream<Uint8Array>;
}

export interface Spool extends AsyncDisposable {
  /** Appends the whole stream and returns where it lies. Throws what the stream or the system throws. */
  append(stream: AsyncIterable<Uint8Array>): Promise<SpoolRange>;
}

const PIECE = 256 * 1024;

/**
 * Makes a spool on the file system of `parent`, which must exist. `whileNamed`
 * is called with its path while it is still empty and has one.
 */
export async function createSpool(
  parent: string,
  options: { readonly whileNamed?: (path: string) => void } = {},
): Promise<Spool> {
  const path = join(parent, `railiance-spool-${randomBytes(8).toString("hex")}`);
  const handle = await open(path, "wx+", 0o600);
  try {
    try {
      options.whileNamed?.(path);
    } finally {
      await unlink(path);
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  let end = 0;
  const fill = async (target: Uint8Array, position: number): Promise<void> => {
    const { length } = target;
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await handle.read(target, filled, length - filled, position + filled);
      if (bytesRead === 0) throw new RangeError(`cannot read ${length} bytes of a spool: it ends`);
      filled += bytesRead;
    }
  };
  return {
    async append(stream) {
      const start = end;
      for await (const piece of stream) {
        let offset = 0;
        while (offset < piece.length) {
          const left = piece.length - offset;
          const { bytesWritten } = await handle.write(piece, offset, left, end);
          offset += bytesWritten;
          end += bytesWritten;
        }
        release([piece]);
      }
      return rangeOf(fill, { start, size: end - start });
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

function rangeOf(
  fill: (target: Uint8Array, position: number) => Promise<void>,
  range: { readonly start: number; readonly size: number },
): SpoolRange {
  const { start, size } = range;
  const readInto = async (target: Uint8Array, offset: number): Promise<void> => {
    if (offset < 0 || offset + target.length > size) {
      throw new RangeError(
        `cannot read ${target.length} bytes at ${offset}: the range has ${size}`,
      );
    }
    await fill(target, start + offset);
  };
  const read = async (offset: number, length: number): Promise<Uint8Array> => {
    if (length < 0) throw new RangeError(`cannot read ${length} bytes`);
    const target = new Uint8Array(length);
    await readInto(target, offset);
    return target;
  };
  return {
    size,
    read,
    readInto,
    stream() {
      let offset = 0;
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const length = Math.min(PIECE, size - offset);
            if (length > 0) controller.enqueue(await read(offset, length));
            offset += length;
            if (offset >= size) controller.close();
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}
