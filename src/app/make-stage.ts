/** A stage in memory when there is room, on disk otherwise. */
import { JOURNAL } from "./journal.ts";
import { wipeStaleTemps } from "../sys/atomic.ts";
import { freeBytes, namesIn, statOf } from "../sys/files.ts";
import { createStage, wipeStaleStages } from "../sys/stage.ts";
import { ensurePrivateFolder } from "../sys/private-folder.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { MEMORY_FOLDERS, STATE_FOLDER } from "./places.ts";
import { clearUnbegun } from "./restore-traces.ts";
import type { Stage } from "../sys/stage.ts";

/** Room that a stage in memory must find, in bytes, beyond what is asked for. */
const RESERVE = 512 * 1024 * 1024;

/**
 * Makes a stage for about `size` bytes and wipes those that killed runs left.
 * Call while holding the lock. Throws an OperatorError `WRITE_FAILED`.
 */
export async function makeStage(size = 0): Promise<Stage> {
  let parent = STATE_FOLDER;
  try {
    await wipeLeftovers();
    parent = (await roomyFolder(size)) ?? STATE_FOLDER;
    return await createStage(parent);
  } catch (error) {
    throw explainWriteError(error, parent);
  }
}

async function roomyFolder(size: number): Promise<string | undefined> {
  for (const folder of MEMORY_FOLDERS) {
    if (!(await statOf(folder))?.isDirectory()) continue;
    if ((await freeBytes(folder)) > size + RESERVE) return folder;
  }
  return undefined;
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
  await wipeStaleTemps(STATE_FOLDER); // one may hold the signing key
  if ((await statOf(JOURNAL)) !== undefined) return;
  for (const name of await namesIn(STATE_FOLDER)) {
    if (name.startsWith("restore-")) await clearUnbegun(`${STATE_FOLDER}/${name}`);
  }
}
