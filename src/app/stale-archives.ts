/** Half-written archives of runs that were cut off: temp files, never chosen by anybody, but as large as archives. */
import { plainName } from "../archive/names.ts";
import { systemCode } from "../errors.ts";
import { wipeStaleTemps } from "../sys/atomic.ts";
import { PROGRAM } from "../version.ts";
import { ARCHIVE_FOLDER, BEFORE_RESTORE } from "./places.ts";
import type { Context } from "./context.ts";

/**
 * Removes those in `folder` and says so. In a folder that hosts share, those of
 * another host may be in use right now. Call while holding the lock.
 */
export async function wipeStaleArchives(context: Context, folder: string): Promise<void> {
  const here = plainName(context.host.hostname);
  const isOurs = (name: string): boolean =>
    !name.startsWith(`${PROGRAM}_`) || name.split("_")[2] === here;
  for (const name of await wipeStaleTemps(folder, isOurs)) {
    context.talk({
      type: "note",
      text: `removed ${folder}/${name}, left by a run that was cut off`,
    });
  }
}

/**
 * The same where safety backups of a restore from `directory` may lie. A medium that
 * cannot be written to (a stick that is read-only) keeps them: they are in nobody's way.
 */
export async function wipeStaleSafetyBackups(context: Context, directory: string): Promise<void> {
  for (const folder of new Set([directory, ARCHIVE_FOLDER])) {
    try {
      await wipeStaleArchives(context, `${folder}/${BEFORE_RESTORE}`);
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
    }
  }
}
