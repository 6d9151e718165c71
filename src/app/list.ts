/** `list`: what is there, without a key. */
import { requireArchives } from "./archives.ts";
import type { FoundArchive } from "./archives.ts";
import type { Context } from "./context.ts";

export interface ListResult {
  readonly directory: string;
  /** Newest first. */
  readonly archives: readonly FoundArchive[];
  /** Bytes of all of them. */
  readonly size: number;
}

/** The archives of a folder. Throws the OperatorErrors of `requireArchives`. */
export async function listArchives(
  context: Context,
  options: { readonly directory: string },
): Promise<ListResult> {
  const { archives, ignored } = await requireArchives(options.directory);
  for (const name of ignored) {
    context.talk({
      type: "warning",
      code: "ARCHIVE_IGNORED",
      message: `${options.directory}/${name} is named like an archive but is no regular file`,
      hint: "it is passed over; give its path to look at it all the same",
    });
  }
  const size = archives.reduce((sum, archive) => sum + archive.size, 0);
  return { directory: options.directory, archives, size };
}
