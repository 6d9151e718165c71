/** Making folders and removing our own files. */
import { mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { syncFolder } from "./atomic.ts";
import { statOf } from "./files.ts";

/** Makes a folder and its parents. */
export async function ensureFolder(path: string, mode = 0o755): Promise<void> {
  await mkdir(path, { recursive: true, mode });
}

/** Removes a file of ours, durably; a missing one is fine. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true });
  if ((await statOf(dirname(path))) !== undefined) await syncFolder(dirname(path));
}

/** Removes a folder of ours with all that is in it: staged plaintext. */
export async function removeFolder(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}
