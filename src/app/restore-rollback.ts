/** Going back: what ran before the restore runs again. Nothing is deleted; what the restore made is moved aside too. */
import { closeGuard, openGuard, removeGuard } from "../k3s/guard.ts";
import { reloadUnits, startService, stopService, waitFor } from "../k3s/service.ts";
import { readSettings } from "../k3s/settings.ts";
import { linkStatOf, statOf } from "../sys/files.ts";
import { UNINTERRUPTED } from "../sys/host.ts";
import { copyDurably, moveDurably, placeFile } from "../sys/moves.ts";
import { removeFile, removeFolder } from "../sys/remove.ts";
import { OperatorError } from "../errors.ts";
import { STATE_ITEMS } from "./restore-plan.ts";
import { closeJournal } from "./journal.ts";
import type { Context } from "./context.ts";
import type { Host } from "../sys/host.ts";
import type { Journal, RestorePlan } from "./journal.ts";

const READY_TIMEOUT = 300_000;

/**
 * Undoes a restore from whatever step it is at; can itself be cut and run again.
 * Signals do not stop it. Throws an OperatorError `ROLLBACK_START` when the old
 * state is back in place but does not become ready.
 */
export async function rollBack(
  context: Context,
  input: { readonly plan: RestorePlan; readonly journal: Journal; readonly reason: string },
): Promise<void> {
  const host = uninterrupted(context.host);
  const { plan } = input;
  context.talk({ type: "step", text: "going back to what ran before" });
  await input.journal.rollback(input.reason);
  await closeGuard();
  if (plan.hadUnit) await stopService(host);
  await moveBack(plan, host.now());
  await putFilesBack(plan);
  await reloadUnits(host);
  if (plan.wasRunning) {
    await openGuard();
    await startService(host);
    await requireReady(host, plan);
  }
  await closeJournal(plan);
  await removeFolder(`${plan.folder}/archive`);
  await removeGuard(host);
  context.talk({
    type: "done",
    text: plan.wasRunning ? "what ran before runs again" : "everything is as it was before",
  });
}

/** What stands where the old data was is moved aside first; a second run finds it moved. */
async function moveBack(plan: RestorePlan, now: Date): Promise<void> {
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const aside = `${plan.dataDir}/server/undone-${stamp}`;
  const places = new Set(plan.moves.map(({ from }) => from));
  for (const item of STATE_ITEMS) {
    const place = `${plan.dataDir}/server/${item}`;
    const kept = plan.moves.find(({ from }) => from === place)?.to;
    const wasMoved = kept !== undefined && (await linkStatOf(kept)) !== undefined;
    // Still the old one when the step "aside" did not get to it.
    if (places.has(place) && !wasMoved) continue;
    if ((await linkStatOf(place)) !== undefined) {
      await moveDurably(place, `${aside}/${item.replace("/", "-")}`);
    }
    if (wasMoved && kept !== undefined) await moveDurably(kept, place);
  }
}

async function putFilesBack(plan: RestorePlan): Promise<void> {
  for (const { target, kept } of plan.files) {
    if (kept === null) {
      if (
        (await linkStatOf(target)) !== undefined &&
        (await linkStatOf(`${plan.folder}/archive`)) !== undefined
      ) {
        await moveAcross(target, `${plan.folder}/undone${target}`);
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

async function requireReady(host: Host, plan: RestorePlan): Promise<void> {
  const settings = await readSettings({ dataDir: plan.dataDir });
  const ready = await waitFor(
    host,
    async () => {
      const result = await host.run(
        [settings.k3s, "kubectl", "get", "--raw=/readyz", "--request-timeout=5s"],
        { timeout: 15_000 },
      );
      return result.exitCode === 0 ? true : undefined;
    },
    { timeout: READY_TIMEOUT, interval: 250 },
  );
  if (ready === true) return;
  throw new OperatorError(
    "error",
    "ROLLBACK_START",
    "what ran before is back in place, but K3s does not become ready",
    {
      hint: "look at: journalctl -u k3s; then once more: railiance-cluster restore --rollback",
    },
  );
}

/** The same host, deaf to signals: half a rollback is worse than a late exit. */
function uninterrupted(host: Host): Host {
  return {
    ...host,
    signal: UNINTERRUPTED,
    run: (command, options) => host.run(command, { signal: UNINTERRUPTED, ...options }),
  };
}
