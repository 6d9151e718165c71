/** What lies directly in a folder, links told apart from what they point to. */
import { lstat, readdir } from "node:fs/promises";
import { systemCode } from "../errors.ts";

export interface FolderEntry {
  readonly name: string;
  readonly path: string;
  readonly kind: "file" | "folder" | "link" | "other";
  /** Bytes. */
  readonly size: number;
}

/** The entries of a folder, sorted by name; undefined when there is no such folder. */
export async function entriesIn(folder: string): Promise<FolderEntry[] | undefined> {
  const names = await readdir(folder).catch(ignoreAbsence);
  if (names === undefined) return undefined;
  const found: FolderEntry[] = [];
  for (const name of names.sort()) {
    const path = `${folder}/${name}`;
    const info = await lstat(path).catch(ignoreAbsence);
    if (info === undefined) continue; // gone between the two calls: a prune or a backup is at work
    const kind = info.isFile()
      ? "file"
      : info.isDirectory()
        ? "folder"
        : info.isSymbolicLink()
          ? "link"
          : "other";
    found.push({ name, path, kind, size: info.size });
  }
  return found;
}

function ignoreAbsence(error: unknown): undefined {
  const code = systemCode(error);
  if (code === "ENOENT" || code === "ENOTDIR") return undefined;
  throw error;
}
