/** Reading the file system: whole files, streams, random access. Paths are absolute. */
import { constants } from "node:fs";
import { lstat, open, readdir, readFile, readlink, realpath, stat, statfs } from "node:fs/promises";
import type { Stats } from "node:fs";
import { systemCode } from "../errors.ts";

/** Bytes that can be read at any offset; what `datastore/` works on. */
export interface RandomAccess {
  readonly size: number;
  /** Exactly `length` bytes from `offset`; throws a RangeError when they are not all there. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

export interface OpenFile extends RandomAccess, AsyncDisposable {
  /** Fills `target` from `offset`, without allocating; throws a RangeError when the file ends before. */
  readInto(target: Uint8Array, offset: number): Promise<void>;
  /** A fresh stream over the whole file, in pieces of `chunkSize` bytes (default 256 KiB). */
  stream(chunkSize?: number): ReadableStream<Uint8Array>;
}

/** The text of a file, or undefined when there is none. Other errors are thrown as they are. */
export async function readTextIfPresent(path: string): Promise<string | undefined> {
  return absent(() => readFile(path, "utf8"));
}

/** The bytes of a file, or undefined when there is none. */
export async function readBytesIfPresent(path: string): Promise<Uint8Array | undefined> {
  return absent(() => readFile(path));
}

/** Names in a folder, sorted; empty when there is no such folder. */
export async function namesIn(path: string): Promise<string[]> {
  return ((await absent(() => readdir(path))) ?? []).sort();
}

/** stat, following links; undefined when there is nothing. */
export async function statOf(path: string): Promise<Stats | undefined> {
  return absent(() => stat(path));
}

/** lstat, not following links; undefined when there is nothing. */
export async function linkStatOf(path: string): Promise<Stats | undefined> {
  return absent(() => lstat(path));
}

/** Where a symbolic link points, as written. */
export async function linkTarget(path: string): Promise<string> {
  return readlink(path);
}

/** The path with every link resolved; undefined when there is nothing. */
export async function realPathOf(path: string): Promise<string | undefined> {
  return absent(() => realpath(path));
}

/** Bytes free for this user on the file system that holds `path`. */
export async function freeBytes(path: string): Promise<number> {
  const info = await statfs(path);
  return info.bavail * info.bsize;
}

/** The longest part of a path that is there: where it would be made. */
export async function existingPart(path: string): Promise<string> {
  let part = path;
  while (part !== "/" && (await statOf(part)) === undefined) {
    part = part.slice(0, part.lastIndexOf("/")) || "/";
  }
  return part;
}

/** Every regular file below a folder, as sorted absolute paths; links are listed, not followed. */
export async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  const entries = (await absent(() => readdir(folder, { withFileTypes: true }))) ?? [];
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await filesBelow(path)));
    else if (entry.isFile() || entry.isSymbolicLink()) found.push(path);
  }
  return found.sort();
}

/** Opens a regular file for reading. Throws the system's error. Close it with `await using`. */
export async function openFile(path: string): Promise<OpenFile> {
  const handle = await open(path, constants.O_RDONLY);
  const { size } = await handle.stat();
  const readInto = async (target: Uint8Array, offset: number): Promise<void> => {
    let filled = 0;
    while (filled < target.length) {
      const { bytesRead } = await handle.read(
        target,
        filled,
        target.length - filled,
        offset + filled,
      );
      if (bytesRead === 0) {
        throw new RangeError(
          `cannot read ${target.length} bytes at ${offset}: the file ends before`,
        );
      }
      filled += bytesRead;
    }
  };
  return {
    size,
    readInto,
    async read(offset, length) {
      const buffer = new Uint8Array(length);
      await readInto(buffer, offset);
      return buffer;
    },
    stream: (chunkSize = 256 * 1024) => {
      let offset = 0;
      return new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const buffer = new Uint8Array(chunkSize);
            const { bytesRead } = await handle.read(buffer, 0, chunkSize, offset);
            offset += bytesRead;
            if (bytesRead === 0) controller.close();
            else controller.enqueue(buffer.subarray(0, bytesRead));
          },
        },
        { highWaterMark: 1 },
      );
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

/** A stream over a file that opens it at the first read and closes it at the end, so that few files are open at once. */
export function lazyFileStream(path: string, chunkSize = 256 * 1024): ReadableStream<Uint8Array> {
  let file: OpenFile | undefined;
  let offset = 0;
  const close = async (): Promise<void> => {
    await file?.[Symbol.asyncDispose]();
    file = undefined;
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          file ??= await openFile(path);
          const length = Math.min(chunkSize, file.size - offset);
          if (length > 0) controller.enqueue(await file.read(offset, length));
          offset += length;
          if (offset < file.size) return;
          await close();
          controller.close();
        } catch (error) {
          await close();
          throw error;
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}

async function absent<T>(action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
}
