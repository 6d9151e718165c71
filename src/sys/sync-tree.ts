/** Getting what another program wrote onto the disk. */
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import { systemCode } from "../errors.ts";
import { syncFolder } from "./atomic.ts";
import { filesBelow, linkStatOf } from "./files.ts";

/** Files at a time: a file system writes many down at once, and each alone takes as long. */
const AT_ONCE = 8;

/**
 * Syncs files, and folders with all that is in them, and their own names; what is
 * missing, or goes meanwhile, is passed over. Throws the system's error.
 */
export async function syncTrees(paths: readonly string[]): Promise<void> {
  const files: string[] = [];
  const folders = new Set<string>();
  for (const path of paths) {
    const info = await linkStatOf(path);
    if (info === undefined) continue;
    folders.add(dirname(path));
    if (!info.isDirectory()) files.push(path);
    else {
      folders.add(path);
      files.push(...(await filesBelow(path)));
    }
  }
  const left = files.values();
  const worker = async (): Promise<void> => {
    for (const file of left) await syncFile(file);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  for (const file of files) folders.add(dirname(file));
  for (const folder of folders) await unlessGone(() => syncFolder(folder));
}

async function syncFile(path: string): Promise<void> {
  if ((await linkStatOf(path))?.isFile() !== true) return; // sockets and links have nothing to sync
  await unlessGone(async () => {
    const handle = await open(path, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  });
}

async function unlessGone(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
