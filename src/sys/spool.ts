/**
 * A private file without a name, for plaintext too large for memory: unlinked
 * as soon as it is open, so the kernel frees it however the process ends, and
 * nothing has to be wiped after a kill.
 */
import { randomBytes } from "node:crypto";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { RandomAccess } from "./files.ts";

export interface SpoolRange extends RandomAccess {
  /** A fresh stream over the range, in pieces of at most 1 MiB. */
  stream(): ReadableStream<Uint8Array>;
}

export interface Spool extends AsyncDisposable {
  /** Appends the whole stream and returns where it lies. Throws what the stream or the system throws. */
  append(stream: AsyncIterable<Uint8Array>): Promise<SpoolRange>;
}

const PIECE = 1024 * 1024;

/** Makes a spool on the file system of `parent`, which must exist. */
export async function createSpool(parent: string): Promise<Spool> {
  const path = join(parent, `railiance-spool-${randomBytes(8).toString("hex")}`);
  const handle = await open(path, "wx+", 0o600);
  try {
    await rm(path);
  } catch (error) {
    await handle.close();
    throw error;
  }
  let end = 0;
  const readAt = async (position: number, length: number): Promise<Uint8Array> => {
    const buffer = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
      if (bytesRead === 0) throw new RangeError(`cannot read ${length} bytes of a spool: it ends`);
      filled += bytesRead;
    }
    return buffer;
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
      }
      return rangeOf(readAt, { start, size: end - start });
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

function rangeOf(
  readAt: (position: number, length: number) => Promise<Uint8Array>,
  range: { readonly start: number; readonly size: number },
): SpoolRange {
  const { start, size } = range;
  return {
    size,
    async read(offset, length) {
      if (offset < 0 || length < 0 || offset + length > size) {
        throw new RangeError(`cannot read ${length} bytes at ${offset}: the range has ${size}`);
      }
      return readAt(start + offset, length);
    },
    stream() {
      let offset = 0;
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const length = Math.min(PIECE, size - offset);
            if (length > 0) controller.enqueue(await readAt(start + offset, length));
            offset += length;
            if (offset >= size) controller.close();
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}
