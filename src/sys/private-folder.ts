/** Folders that only root may look into. */
import { chmod, mkdir } from "node:fs/promises";

/** Makes `path` and its parents when missing, and closes `path` itself (0700). */
export async function ensurePrivateFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await chmod(path, 0o700);
}
