/** A stage in memory when there is room, on disk otherwise. */
import { JOURNAL } from "./journal.ts";
import { removeFolder } from "../sys/remove.ts";
import { freeBytes, namesIn, statOf } from "../sys/files.ts";
import { createStage, wipeStaleStages } from "../sys/stage.ts";
import { ensurePrivateFolder } from "../sys/private-folder.ts";
import { MEMORY_FOLDERS, STATE_FOLDER } from "./places.ts";
import type { Stage } from "../sys/stage.ts";

/** Room that a stage in memory must find, in bytes, beyond what is asked for. */
const RESERVE = 512 * 1024 * 1024;

/**
 * Makes a stage for about `size` bytes and wipes those that killed runs left.
 * Call while holding the lock.
 */
export async function makeStage(size = 0): Promise<Stage> {
  await wipeLeftovers();
  let parent: string | undefined;
  for (const folder of [...MEMORY_FOLDERS, STATE_FOLDER]) {
    if (!(await statOf(folder))?.isDirectory()) continue;
    if (parent === undefined && (await freeBytes(folder)) > size + RESERVE) parent = folder;
  }
  return createStage(parent ?? STATE_FOLDER);
}

/**
 * Plaintext that killed runs left: stages, and what a restore had unpacked when
 * no journal needs it any more. Call while holding the lock.
 */
export async function wipeLeftovers(): Promise<void> {
  await ensurePrivateFolder(STATE_FOLDER);
  for (const folder of [...MEMORY_FOLDERS, STATE_FOLDER]) {
    if ((await statOf(folder))?.isDirectory()) await wipeStaleStages(folder);
  }
  if ((await statOf(JOURNAL)) !== undefined) return;
  for (const name of await namesIn(STATE_FOLDER)) {
    if (name.startsWith("restore-")) await removeFolder(`${STATE_FOLDER}/${name}/archive`);
  }
}
