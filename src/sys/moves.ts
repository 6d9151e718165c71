/** Moving things within a file system, durably; nothing here deletes. */
import { chmod, chown, copyFile, mkdir, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { createAtomicFile, syncFolder } from "./atomic.ts";
import { linkStatOf, lazyFileStream, realPathOf } from "./files.ts";

/** Renames and syncs both folders. An existing target is an error: rename(2) would replace it. */
export async function moveDurably(from: string, to: string): Promise<void> {
  if ((await linkStatOf(to)) !== undefined) throw new Error(`cannot move ${from}: ${to} exists`);
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await rename(from, to);
  await syncFolder(dirname(to));
  await syncFolder(dirname(from));
}

/** Copies a file with its mode and owner to a new place, synced. */
export async function copyDurably(from: string, to: string): Promise<void> {
  const info = await linkStatOf(from);
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await copyFile(from, to);
  if (info !== undefined && !info.isSymbolicLink()) {
    await chmod(to, info.mode & 0o7777);
    await chown(to, info.uid, info.gid);
  }
  await syncFolder(dirname(to));
}

/** Puts a file in place atomically, with mode and owner; a symbolic link at the target is written through. */
export async function placeFile(
  from: string,
  to: string,
  options: { readonly mode: number; readonly uid: number; readonly gid: number },
): Promise<void> {
  const target = (await realPathOf(to)) ?? to;
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await using file = await createAtomicFile(target, { mode: options.mode });
  await chown(file.tempPath, options.uid, options.gid);
  for await (const chunk of lazyFileStream(from)) await file.write(chunk);
  await file.commit({ replace: true });
}
