/** `list`: what is there, without a key. */
import { statOf } from "../sys/files.ts";
import { findArchives, readArchiveFolder, requireArchives } from "./archives.ts";
import { BEFORE_RESTORE } from "./places.ts";
import type { FoundArchive } from "./archives.ts";
import type { Context } from "./context.ts";

export interface ListResult {
  readonly directory: string;
  /** Newest first. */
  readonly archives: readonly FoundArchive[];
  /** What was here before each restore, newest first: no backups, so nothing takes them unless they are named. */
  readonly beforeRestore: readonly FoundArchive[];
  /** Bytes of all of them. */
  readonly size: number;
}

/** The archives of a folder. Throws the OperatorErrors of `requireArchives`. */
export async function listArchives(
  context: Context,
  options: { readonly directory: string },
): Promise<ListResult> {
  const { directory } = options;
  const apart = `${directory}/${BEFORE_RESTORE}`;
  const beforeRestore = (await statOf(apart)) === undefined ? [] : await findArchives(apart);
  const read = beforeRestore.length === 0 ? requireArchives : readArchiveFolder;
  const { archives, ignored } = await read(directory);
  for (const name of ignored) {
    context.talk({
      type: "warning",
      code: "ARCHIVE_IGNORED",
      message: `${directory}/${name} is named like an archive but is no regular file`,
      hint: "it is passed over; give its path to look at it all the same",
    });
  }
  const all = [...archives, ...beforeRestore];
  const size = all.reduce((sum, archive) => sum + archive.size, 0);
  return { directory, archives, beforeRestore, size };
}
