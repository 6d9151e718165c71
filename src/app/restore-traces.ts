/** What a restore leaves behind while it works, beside the staged archive. */
import { dirname } from "node:path";
import { GUARD_FILE, GUARD_OPEN_FILE } from "../k3s/guard.ts";
import { wipeStaleTemps, writeFileAtomic } from "../sys/atomic.ts";
import { linkStatOf } from "../sys/files.ts";
import { removeFolder, removeIfEmpty } from "../sys/remove.ts";
import { JOURNAL } from "./journal.ts";
import type { RestorePlan } from "./journal.ts";

const BALLAST_SIZE = 256 * 1024;

/** Where the number of the running `k3s server --cluster-reset` is. */
export function resetPidFile(plan: RestorePlan): string {
  return `${plan.folder}/reset.pid`;
}

/** Takes up room that going back needs when the disk has become full: for the journal, and for files put back. */
export function ballastFile(plan: Pick<RestorePlan, "folder">): string {
  return `${plan.folder}/ballast`;
}

export async function writeBallast(plan: RestorePlan): Promise<void> {
  await writeFileAtomic(ballastFile(plan), new Uint8Array(BALLAST_SIZE).fill(0x2e));
}

/** What a restore that never came to its journal made in its folder; the folder too when nothing else is in it. */
export async function clearUnbegun(folder: string): Promise<void> {
  for (const path of [`${folder}/archive`, ballastFile({ folder })]) {
    if ((await linkStatOf(path)) !== undefined) await removeFolder(path);
  }
  await wipeStaleTemps(folder);
  await removeIfEmpty(folder);
}

/** Half-written copies that a kill left (they may hold the token), and folders made for a way back that was not needed. */
export async function clearTraces(plan: RestorePlan): Promise<void> {
  const folders = new Set([
    dirname(JOURNAL),
    dirname(GUARD_FILE),
    dirname(GUARD_OPEN_FILE),
    `${plan.dataDir}/server`,
  ]);
  folders.add(`${plan.dataDir}/server/db`);
  for (const { target, kept } of plan.files) {
    folders.add(dirname(target));
    if (kept !== null) folders.add(dirname(kept));
  }
  for (const folder of folders) await wipeStaleTemps(folder);
  for (const { undone } of plan.moves) await removeIfEmpty(dirname(undone));
}
