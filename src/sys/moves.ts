/** Moving and copying things, durably; nothing here deletes. */
import { chmod, chown, mkdir, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { createAtomicFile, syncFolder } from "./atomic.ts";
import { linkStatOf, lazyFileStream, realPathOf, statOf } from "./files.ts";

/** Renames and syncs both folders. An existing target is an error: rename(2) would replace it. */
export async function moveDurably(from: string, to: string): Promise<void> {
  if ((await linkStatOf(to)) !== undefined) throw new Error(`cannot move ${from}: ${to} exists`);
  await makeFolders(dirname(to), 0o700);
  await rename(from, to);
  await syncFolder(dirname(to));
  await syncFolder(dirname(from));
}

/**
 * Copies a file with its mode and owner to a new place. The copy has its name
 * only when it is whole and synced: whoever finds it after a kill may trust it.
 */
export async function copyDurably(from: string, to: string): Promise<void> {
  const info = await statOf(from);
  if (info === undefined) throw new Error(`cannot copy ${from}: there is no such file`);
  await makeFolders(dirname(to), 0o700);
  await writeCopy(from, to, { mode: info.mode & 0o7777, uid: info.uid, gid: info.gid });
}

/** Puts a file in place atomically, with mode and owner; a symbolic link at the target is written through. */
export async function placeFile(
  from: string,
  to: string,
  options: { readonly mode: number; readonly uid: number; readonly gid: number },
): Promise<void> {
  const target = (await realPathOf(to)) ?? to;
  await makeFolders(dirname(target), 0o755);
  await writeCopy(from, target, options);
}

async function writeCopy(
  from: string,
  to: string,
  options: { readonly mode: number; readonly uid: number; readonly gid: number },
): Promise<void> {
  await using file = await createAtomicFile(to, { mode: options.mode });
  await chown(file.tempPath, options.uid, options.gid);
  for await (const chunk of lazyFileStream(from)) await file.write(chunk);
  await file.commit({ replace: true });
}

/**
 * Makes a folder and its parents, each with exactly this mode (this program's
 * umask would close them all) and synced into its parent; those that are there
 * stay as they are.
 */
export async function makeFolders(path: string, mode: number): Promise<void> {
  if ((await statOf(path)) !== undefined) return;
  await makeFolders(dirname(path), mode);
  await mkdir(path, { mode, recursive: true });
  await chmod(path, mode);
  await syncFolder(dirname(path));
}
