/** How much room a file or folder takes. */
import { lstat, readdir } from "node:fs/promises";
import { systemCode } from "../errors.ts";

/** stat(2): `blocks` counts pieces of this size, whatever the file system. */
const BLOCK = 512;

/** Bytes on the disk that removing `path` would free, holes of files left out; links are not followed. What is gone meanwhile counts nothing. */
export async function roomTaken(path: string): Promise<number> {
  try {
    const info = await lstat(path);
    let bytes = info.blocks * BLOCK;
    if (!info.isDirectory()) return bytes;
    for (const name of await readdir(path)) bytes += await roomTaken(`${path}/${name}`);
    return bytes;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return 0;
    throw error;
  }
}
