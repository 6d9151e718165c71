/** Several private files that appear together in a folder, or not at all. */
import { mkdir, rmdir, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createAtomicFile } from "./atomic.ts";
import { linkStatOf } from "./files.ts";

export interface NewFile {
  /** Below the folder, `/`-separated, without `.` or `..`. */
  readonly path: string;
  stream(): AsyncIterable<Uint8Array>;
}

/** What already stands where a new file or its folder would go: a path and what it is. */
export interface Obstacle {
  readonly path: string;
  readonly kind: "link" | "file" | "folder";
}

/** The first thing in the way of writing these paths below `folder`; undefined when there is none. */
export async function obstacleTo(
  folder: string,
  paths: readonly string[],
): Promise<Obstacle | undefined> {
  for (const path of ["", ...paths]) {
    const parts = path === "" ? [] : path.split("/");
    for (let depth = 0; depth <= parts.length; depth += 1) {
      const place = join(folder, ...parts.slice(0, depth));
      const info = await linkStatOf(place);
      if (info === undefined) break;
      if (info.isSymbolicLink()) return { path: place, kind: "link" };
      const last = path !== "" && depth === parts.length;
      if (info.isDirectory() && !last) continue;
      return { path: place, kind: info.isDirectory() ? "folder" : "file" };
    }
  }
  return undefined;
}

/**
 * Writes files (0600) below `folder`, which is made (0700) with the folders in
 * it. Nothing is overwritten (`EEXIST`). On any failure what was made is
 * removed again and the error thrown.
 */
export async function writeNewFiles(folder: string, files: readonly NewFile[]): Promise<void> {
  const made: { path: string; kind: "file" | "folder" }[] = [];
  try {
    await makeFolder(folder, made);
    for (const file of files) {
      const path = join(folder, file.path);
      await makeFolder(dirname(path), made);
      await using target = await createAtomicFile(path);
      for await (const piece of file.stream()) await target.write(piece);
      await target.commit();
      made.push({ path, kind: "file" });
    }
  } catch (error) {
    for (const { path, kind } of made.toReversed()) {
      // Only empty folders go: what somebody else put there meanwhile stays.
      await (kind === "file" ? unlink(path) : rmdir(path)).catch(() => undefined);
    }
    throw error;
  }
}

async function makeFolder(
  path: string,
  made: { path: string; kind: "file" | "folder" }[],
): Promise<void> {
  const info = await linkStatOf(path);
  if (info?.isDirectory() === true) return;
  if (dirname(path) !== path) await makeFolder(dirname(path), made);
  await mkdir(path, { mode: 0o700 });
  made.push({ path, kind: "folder" });
}
