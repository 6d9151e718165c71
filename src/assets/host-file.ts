/** Taking a file of the host into the archive, with where it goes back to. */
import { messageOf, systemCode } from "../errors.ts";
import { readBytesIfPresent, statOf } from "../sys/files.ts";
import type { Collector, NewEntry } from "./asset.ts";

/** Larger files are no configuration; they become a gap. */
const LIMIT = 16 * 1024 * 1024;

/** The archive path of a host file: `files` and its absolute path. */
export function archivePathOf(path: string): string {
  return `files${path}`;
}

/**
 * Adds the file at `path` (links followed, the path kept). Returns false when
 * there is none. A file that cannot be read or is too large becomes a gap.
 */
export async function addHostFile(
  collector: Collector,
  path: string,
  entry: Pick<NewEntry, "kind"> & { readonly archivePath?: string },
): Promise<boolean> {
  try {
    const info = await statOf(path);
    if (info === undefined || !info.isFile()) return false;
    if (info.size > LIMIT) {
      collector.gap({
        code: "FILE_TOO_LARGE",
        message: `${path} was left out: ${info.size} bytes is no configuration file`,
      });
      return false;
    }
    const content = await readBytesIfPresent(path);
    if (content === undefined) return false;
    await collector.add(
      {
        path: entry.archivePath ?? archivePathOf(path),
        kind: entry.kind,
        mode: info.mode & 0o777,
        source: path,
        uid: info.uid,
        gid: info.gid,
      },
      content,
    );
    return true;
  } catch (error) {
    collector.gap({
      code: "FILE_UNREADABLE",
      message: `${path} could not be read (${systemCode(error) ?? messageOf(error)})`,
    });
    return false;
  }
}
