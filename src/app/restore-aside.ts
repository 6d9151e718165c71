/** The step of a restore in which today's data is moved aside. */
import { dirname } from "node:path";
import { writeFileAtomic } from "../sys/atomic.ts";
import { linkStatOf } from "../sys/files.ts";
import { makeFolders, moveDurably } from "../sys/moves.ts";
import { isDatabaseLog, keptFolders } from "./restore-plan.ts";
import type { RestorePlan } from "./journal.ts";

/** Moves all that the plan names; can be cut and run again. Says where it is kept. */
export async function moveAside({
  plan,
}: {
  readonly plan: Pick<RestorePlan, "moves">;
}): Promise<string> {
  for (const { from, to, undone, had } of plan.moves) {
    if (!had) continue;
    const isThere = (await linkStatOf(from)) !== undefined;
    const isMoved = (await linkStatOf(to)) !== undefined; // before a cut
    if (!isThere && (isMoved || !isDatabaseLog(from))) continue;
    // Made while there is room: going back has to work on a full disk too.
    await makeFolders(dirname(undone), 0o700);
    if (isThere) await moveDurably(from, to);
    else await keepEmpty(to);
  }
  const kept = keptFolders(plan);
  return kept.length === 0 ? "no data was there" : `today's data kept in ${kept.join(" and ")}`;
}

/**
 * In place of a log that is not there (it goes when the last program closes the database): the
 * same to SQLite, and going back knows by it that a log beside the database is the restored one's.
 */
async function keepEmpty(path: string): Promise<void> {
  await makeFolders(dirname(path), 0o700);
  await writeFileAtomic(path, "");
}
