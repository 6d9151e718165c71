/** Going on with a restore, or back from it, after a kill or a power cut. */
import { OperatorError } from "../errors.ts";
import { readSettings } from "../k3s/settings.ts";
import { openJournal } from "./journal.ts";
import { joinStepsLeft } from "./join-steps.ts";
import { restartElsewhere } from "./restart-elsewhere.ts";
import { act, stepsFor } from "./restore-act.ts";
import { requireStillDown, stepsOnPeers } from "./restore-others.ts";
import { authoritiesAt } from "./restore-peers.ts";
import { keptPlaces } from "./restore-plan.ts";
import { rollBack } from "./restore-rollback.ts";
import { stagedInput } from "./restore-stage.ts";
import { ACCEPT_STEPS, RESTORE_STEPS } from "./restore-steps.ts";
import type { Authorities } from "../k3s/peers.ts";
import type { Context } from "./context.ts";
import type { Journal, JournalState, RestorePlan } from "./journal.ts";
import type { RestartElsewhere } from "./restart-elsewhere.ts";
import type { BoundStep } from "./restore-act.ts";
import type { RestoreResult } from "./restore.ts";

/** `--resume` and `--rollback` after a kill or a power cut. */
export async function goOnRestoring(
  context: Context,
  options: { readonly rollback: boolean; readonly force: boolean },
  unfinished: JournalState | undefined,
): Promise<RestoreResult> {
  if (unfinished === undefined) {
    throw new OperatorError(
      "notFound",
      "NO_UNFINISHED_RESTORE",
      "there is no unfinished restore on this host",
      {
        hint: "begin one with: railiance-cluster restore",
      },
    );
  }
  const { plan } = unfinished;
  const result: Omit<RestoreResult, "outcome" | "steps"> = {
    archive: plan.archive,
    plan: [],
    kept: keptPlaces(plan),
    warnings: [],
    next: [],
    ...safetyOf(plan),
  };
  await using journal = await openJournal({ now: () => context.host.now() });
  if (options.rollback) {
    await rollBack(context, { plan, journal, reason: "asked for by the operator" });
    return { ...result, outcome: "rolled-back", steps: [] };
  }
  if (unfinished.rollingBack) {
    throw new OperatorError("refused", "ROLLING_BACK", "that restore was already on its way back", {
      hint: "finish that: railiance-cluster restore --rollback",
    });
  }
  if (plan.join !== undefined) {
    const steps = await act(context, { plan, journal, steps: joinStepsLeft(context, unfinished) });
    return { ...result, outcome: "joined", steps };
  }
  return { ...result, ...(await resume(context, { unfinished, journal, force: options.force })) };
}

async function resume(
  context: Context,
  input: {
    readonly unfinished: JournalState;
    readonly journal: Journal;
    readonly force: boolean;
  },
): Promise<Pick<RestoreResult, "outcome" | "steps" | "next" | "restart">> {
  const { unfinished, journal } = input;
  // `--force` may have been left out at first: then nobody answered there.
  const plan = { ...unfinished.plan, forced: unfinished.plan.forced || input.force };
  const state = { ...unfinished, plan };
  const left = await whatIsLeft(context, state);
  await requireStillDown(context, state, left.authorities);
  const steps = await act(context, { plan, journal, steps: left.steps });
  const next = await stepsOnPeers(plan);
  return { outcome: "restored", steps, next, restart: await toRestart(context, plan) };
}

/** Asked once all is over: by then the restore has ended well, whatever comes of this. */
export async function toRestart(
  context: Context,
  { dataDir }: RestorePlan,
): Promise<RestartElsewhere> {
  return await restartElsewhere(context, await readSettings({ dataDir }));
}

/** A guard may have been taken off and K3s stopped since, also by a reboot: those steps are taken again. */
async function whatIsLeft(
  context: Context,
  state: JournalState,
): Promise<{ readonly steps: BoundStep[]; readonly authorities: Authorities }> {
  const { plan, done } = state;
  if (state.kept) {
    context.talk({
      type: "note",
      text: "accepting the cluster that failed its check, as it is",
    });
  }
  if (state.kept || done.has("check")) {
    const steps = stepsFor(ACCEPT_STEPS, { context, plan });
    return { steps, authorities: await authoritiesAt(plan.dataDir) };
  }
  const input = await stagedInput(context, plan);
  const again = ["guard", "start", "check", "finish"];
  if (!done.has("reset")) again.push("stop");
  const left = RESTORE_STEPS.filter(({ name }) => again.includes(name) || !done.has(name));
  return { steps: stepsFor(left, input), authorities: input.authorities };
}

/** What the journal knows of it. */
function safetyOf({ safetyBackup }: RestorePlan): Pick<RestoreResult, "safetyBackup"> {
  return safetyBackup === undefined ? {} : { safetyBackup: { path: safetyBackup } };
}
