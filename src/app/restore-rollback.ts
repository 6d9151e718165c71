/** Going back: what ran before the restore runs again. Nothing is deleted; what the restore made is moved aside too. */
import { openGuard, putGuard, removeGuard } from "../k3s/guard.ts";
import { untilReady } from "../k3s/ready.ts";
import { endReset } from "../k3s/reset.ts";
import {
  disableService,
  reloadUnits,
  requireNoServer,
  serviceState,
  startService,
  stopService,
} from "../k3s/service.ts";
import { readSettings } from "../k3s/settings.ts";
import { readUnit } from "../k3s/unit.ts";
import { linkStatOf, statOf } from "../sys/files.ts";
import { copyDurably, moveDurably, placeFile } from "../sys/moves.ts";
import { removeFile, removeFolder } from "../sys/remove.ts";
import { OperatorError } from "../errors.ts";
import { JOURNAL, closeJournal, readJournal } from "./journal.ts";
import { ballastFile, clearTraces, resetPidFile } from "./restore-traces.ts";
import { NOT_JOINED, keepFromStarting, requireNoVote } from "./join-way-back.ts";
import { othersAgain } from "./restore-next.ts";
import { uninterrupted } from "./restore-uninterrupted.ts";
import type { Context } from "./context.ts";
import type { Host } from "../sys/host.ts";
import type { Journal, Move, RestorePlan } from "./journal.ts";

/** Code of the error when everything is back in its place and K3s is not ready with it. */
export const BACK_NOT_READY = "ROLLBACK_START";

/**
 * Undoes a restore from whatever step it is at; can itself be cut and run again.
 * Signals do not stop it. Throws an OperatorError `ROLLBACK_START` when the old
 * state is back in place but does not become ready (then the restore is over all the
 * same: moving it once more would not help), and `HAS_VOTE` for a server that joined
 * a restored one and must not leave it any more.
 */
export async function rollBack(
  context: Context,
  input: { readonly plan: RestorePlan; readonly journal: Journal; readonly reason: string },
): Promise<void> {
  const host = uninterrupted(context.host);
  const { plan } = input;
  await requireNoVote(host, plan);
  context.talk({ type: "step", text: "going back to what ran before" });
  await removeFile(ballastFile(plan)); // room for the next line, and for the files
  await input.journal.rollback(input.reason);
  await removeFolder(`${plan.folder}/archive`); // from here on nobody resumes
  // A server that does not join must not go on with its old data: it is stopped in any case.
  const touched = plan.join !== undefined || ((await readJournal())?.begun.has("aside") ?? true);
  if (touched) await putBack(host, plan);
  const problem = await startAgain(host, plan);
  await clearTraces(plan);
  await removeGuard(host);
  await closeJournal(plan);
  if (problem !== undefined) throw notReady(problem);
  context.talk({ type: "done", text: stateAfter(plan) });
}

/** What is so after a rollback, for a sentence. */
export function stateAfter(plan: RestorePlan): string {
  return plan.join === undefined ? `${stateHere(plan)}${othersAgain(plan.peers)}` : NOT_JOINED;
}

function stateHere(plan: RestorePlan): string {
  if (!plan.wasRunning) return "everything is as it was before";
  return plan.wasReady
    ? "what ran before runs again"
    : "what was there before was started again; it was not ready then either";
}

async function putBack(host: Host, plan: RestorePlan): Promise<void> {
  await putGuard(host, JOURNAL);
  await endReset(host, resetPidFile(plan));
  // Also when there was no unit: by now there may be the archive's.
  const hasUnit = (await readUnit()) !== undefined;
  if (hasUnit) await stopService(host);
  await requireNoServer(host);
  for (const move of plan.moves) await moveBack(move);
  if (hasUnit && !plan.hadUnit) await disableService(host);
  await keepFromStarting(host, plan);
  await putFilesBack(plan);
  await reloadUnits(host);
}

/** What stands where the old data was is moved aside first; a second run finds it moved. */
async function moveBack({ from, to, undone, had }: Move): Promise<void> {
  const isKept = (await linkStatOf(to)) !== undefined;
  // Still the old one: the step "aside" did not get to it, or it is back already.
  if (had && !isKept) return;
  if ((await linkStatOf(from)) !== undefined) await moveDurably(from, await freePath(undone));
  if (isKept) await moveDurably(to, from);
}

async function freePath(path: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const free = number === 1 ? path : `${path}-${number}`;
    if ((await linkStatOf(free)) === undefined) return free;
  }
}

async function putFilesBack(plan: RestorePlan): Promise<void> {
  for (const { target, kept } of plan.files) {
    if (kept === null) {
      if ((await linkStatOf(target)) !== undefined) {
        await moveAcross(target, await freePath(`${plan.folder}/undone${target}`));
      }
      continue;
    }
    const info = await statOf(kept);
    if (info === undefined) continue; // the step "files" did not get to it
    await placeFile(kept, target, { mode: info.mode & 0o777, uid: info.uid, gid: info.gid });
  }
}

/** The state folder may be on another file system than the configuration. */
async function moveAcross(from: string, to: string): Promise<void> {
  await copyDurably(from, to);
  await removeFile(from);
}

/** K3s may still run, when the restore never came so far as to stop it. Gives why it is not as before, in a phrase. */
async function startAgain(host: Host, plan: RestorePlan): Promise<string | undefined> {
  if (!plan.wasRunning) return undefined;
  const runs = (await serviceState(host)) === "active";
  if (!runs) await openGuard(host);
  try {
    if (!runs) await startService(host);
    if (!plan.wasReady) return undefined;
    return await untilReady(host, await readSettings({ dataDir: plan.dataDir }));
  } catch (error) {
    if (error instanceof OperatorError) return error.message;
    throw error;
  }
}

function notReady(problem: string): OperatorError {
  return new OperatorError(
    "error",
    BACK_NOT_READY,
    `what was there is back in place and K3s was started, but it is not ready: ${problem}`,
    {
      hint: "look at: journalctl -u k3s; to restore another archive: railiance-cluster list, railiance-cluster restore ARCHIVE",
    },
  );
}
