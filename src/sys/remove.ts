/** Making folders and removing our own files. */
import { rm, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../errors.ts";
import { syncFolder } from "./atomic.ts";
import { statOf } from "./files.ts";
import { unlinkIfThere } from "./unlink.ts";
import { makeFolders } from "./moves.ts";

/** Makes a folder and its parents, durably and with this mode; one that is there stays as it is. */
export async function ensureFolder(path: string, mode = 0o755): Promise<void> {
  await makeFolders(path, mode);
}

/** Removes a file of ours, durably; a missing one is fine. */
export async function removeFile(path: string): Promise<void> {
  await unlinkIfThere(path);
  if ((await statOf(dirname(path))) !== undefined) await syncFolder(dirname(path));
}

/** Removes a folder of ours with all that is in it (staged plaintext), durably; a missing one is fine. */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
  if ((await statOf(dirname(path))) !== undefined) await syncFolder(dirname(path));
}

/** Removes a folder when nothing is in it; a missing one, or one with something in it, is fine. */
export async function removeIfEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EEXIST"].includes(systemCode(error) ?? "")) throw error;
  }
}
