/** Plaintext that is too large for memory on its way into a private file, and where there is room for it. */
import { constants } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileHandle } from "node:fs/promises";
import { release } from "../buffers.ts";
import { freeBytes, readTextIfPresent, statOf } from "./files.ts";

const MEMORY_FOLDER = "/dev/shm";

/**
 * Writes a stream, whose pieces nobody else may hold, to a new file (0600), making folders (0700) as needed, and
 * with `sync` also to the disk. Throws what the stream or the system throws;
 * `EEXIST` when the file is there, also as a link. Half-written files are left
 * to whoever owns the folder.
 */
export async function writeStream(
  path: string,
  stream: AsyncIterable<Uint8Array>,
  options: { readonly sync?: boolean } = {},
): Promise<void> {
  const handle = await openNew(path);
  try {
    for await (const piece of stream) {
      let offset = 0;
      while (offset < piece.length) {
        const { bytesWritten } = await handle.write(piece, offset, piece.length - offset);
        offset += bytesWritten;
      }
      release([piece]);
    }
    if (options.sync === true) await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes an empty file (0600), and folders (0700) as needed, for another program to fill. Throws as `writeStream`. */
export async function makeEmptyFile(path: string): Promise<void> {
  await (await openNew(path)).close();
}

async function openNew(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  return open(path, flags, 0o600);
}

/**
 * The folder for `size` bytes of plaintext: memory when it has a quarter more
 * room than that and no more than half of the free memory would be used, so
 * that a check never starves the cluster on the same host; else `fallback`.
 */
export async function chooseStageParent(size: number, fallback: string): Promise<string> {
  if (!(await statOf(MEMORY_FOLDER))?.isDirectory()) return fallback;
  const room = await freeBytes(MEMORY_FOLDER);
  const memory = await availableMemory();
  return fitsMemory(size, { room, memory }) ? MEMORY_FOLDER : fallback;
}

/** The rule of `chooseStageParent`, in bytes. */
export function fitsMemory(
  size: number,
  free: { readonly room: number; readonly memory: number },
): boolean {
  return free.room >= size * 1.25 && size <= free.memory / 2;
}

/** `MemAvailable` of the kernel, in bytes; 0 when it does not say. */
async function availableMemory(): Promise<number> {
  const text = (await readTextIfPresent("/proc/meminfo")) ?? "";
  return Number(/^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1] ?? 0) * 1024;
}
