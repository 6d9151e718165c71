/** Removing one file. Not by `rm`: Bun 1.4.5 reports its EIO as EFAULT, and a failing disk would look like a fault of ours. */
import { unlink } from "node:fs/promises";
import { systemCode } from "../errors.ts";

/** Removes a file, or a link itself; a missing one is fine. Throws the system's error. */
export async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw error;
  }
}
