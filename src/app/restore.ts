/** `restore`: prove, plan, ask, journal, act, check; undo on failure. */
import { LOCK_FILE } from "./places.ts";
import { OperatorError, messageOf } from "../errors.ts";
import { THIS_PROCESS } from "../sys/this-process.ts";
import { requireRoot } from "./preflight.ts";
import { takeLock } from "../sys/lock.ts";
import { JOURNAL, openJournal, readJournal } from "./journal.ts";
import { RESTORE_STEPS } from "./restore-steps.ts";
import { checkTarget } from "./restore-target.ts";
import { describePlan } from "./restore-words.ts";
import { planRestore } from "./restore-plan.ts";
import { rollBack } from "./restore-rollback.ts";
import { stageForRestore, stagedInput } from "./restore-stage.ts";
import type { Context, Warning } from "./context.ts";
import type { Journal, JournalState, RestorePlan } from "./journal.ts";
import type { StepInput } from "./restore-steps.ts";

export interface RestoreOptions {
  /** Path, name or id; undefined means the newest. */
  readonly archive: string | undefined;
  readonly directory: string;
  /** Undefined means the one in the archive. */
  readonly dataDir: string | undefined;
  readonly identityFiles: readonly string[];
  /** Do not ask. */
  readonly yes: boolean;
  /** Only say what would happen. */
  readonly plan: boolean;
  readonly rollback: boolean;
  readonly resume: boolean;
  /** Go on although a safety rule says no (older K3s, other cluster). */
  readonly force: boolean;
  /** Keep a restored cluster that fails the health gate instead of going back. */
  readonly keep: boolean;
  /** When the newest archive is damaged, take the newest that is whole. */
  readonly previous: boolean;
}

export interface RestoreResult {
  readonly outcome: "restored" | "planned" | "rolled-back";
  readonly archive: string;
  /** What is going to happen or happened, in sentences. */
  readonly plan: readonly string[];
  readonly steps: readonly {
    readonly name: string;
    readonly detail: string;
    readonly milliseconds: number;
  }[];
  /** Where what was there before is kept. */
  readonly kept: readonly string[];
  readonly warnings: readonly Warning[];
}

/**
 * Restores this server from an archive. Ends in one of two states: the backup's
 * cluster runs, or what ran before runs again; then it throws an OperatorError.
 */
export async function restore(context: Context, options: RestoreOptions): Promise<RestoreResult> {
  requireRoot(context.host, "a restore");
  await using _lock = await takeLock(LOCK_FILE, `restore, pid ${THIS_PROCESS.pid}`);
  const unfinished = await readJournal();
  if (options.rollback || options.resume) return await goOn(context, options, unfinished);
  if (unfinished !== undefined) throw inTheWay(unfinished);
  await using stage = await stageForRestore(context, options);
  const { manifest } = stage.proof;
  const warnings = await checkTarget(context, { manifest, options });
  for (const warning of warnings) context.talk({ type: "warning", ...warning });
  const plan = await planRestore(context, {
    archive: stage.path,
    manifest,
    dataDir: options.dataDir ?? manifest.host.dataDir,
    keep: options.keep,
  });
  const sentences = describePlan(plan, manifest, context.host.now());
  for (const text of sentences) context.talk({ type: "note", text });
  const result = { archive: stage.path, plan: sentences, kept: keptPlaces(plan), warnings };
  if (options.plan) return { ...result, outcome: "planned", steps: [] };
  await consent(context, { yes: options.yes, clusterName: manifest.cluster.name });
  await stage.keepAs(plan.folder);
  await using journal = await openJournal({ plan, now: () => context.host.now() });
  const input = await stagedInput(context, plan, stage.proof.snapshot);
  const steps = await act(context, { input, journal, done: new Set() });
  return { ...result, outcome: "restored", steps };
}

interface Action {
  readonly input: StepInput;
  readonly journal: Journal;
  readonly done: ReadonlySet<string>;
}

async function act(context: Context, action: Action): Promise<RestoreResult["steps"]> {
  const { journal, input } = action;
  const steps: { name: string; detail: string; milliseconds: number }[] = [];
  let current = "";
  try {
    for (const step of RESTORE_STEPS) {
      if (action.done.has(step.name)) continue;
      current = step.doing;
      context.host.signal.throwIfAborted();
      context.talk({ type: "step", text: step.doing });
      await journal.begin(step.name);
      const started = context.host.monotonic();
      const detail = await step.run(input);
      await journal.done(step.name);
      context.talk({ type: "done", text: detail });
      steps.push({
        name: step.name,
        detail,
        milliseconds: Math.round(context.host.monotonic() - started),
      });
    }
    return steps;
  } catch (error) {
    throw await undo(context, { ...action, error, current });
  }
}

/** Goes back, and returns the error to throw: the cause, and what the state is now. */
async function undo(
  context: Context,
  failed: Action & { readonly error: unknown; readonly current: string },
): Promise<unknown> {
  const { error, input, journal, current } = failed;
  const known = error instanceof OperatorError ? error : undefined;
  const sentence = `the restore failed while ${current}: ${messageOf(error)}`;
  if (input.plan.keep && known?.code === "HEALTH") {
    return new OperatorError("error", "HEALTH_KEPT", `${sentence}; it was kept as asked`, {
      hint: "go back: railiance-cluster restore --rollback; accept it: railiance-cluster restore --resume",
      cause: error,
    });
  }
  context.talk({ type: "warning", code: known?.code ?? "RESTORE_FAILED", message: sentence });
  try {
    await rollBack(context, { plan: input.plan, journal, reason: sentence });
  } catch (second) {
    return new OperatorError(
      "error",
      "ROLLBACK_FAILED",
      `${sentence}; going back failed too: ${messageOf(second)}`,
      {
        hint: "K3s is held back; once more: railiance-cluster restore --rollback",
        cause: second,
      },
    );
  }
  const after = input.plan.wasRunning
    ? "what ran before runs again"
    : "everything is as it was before";
  return new OperatorError(
    known?.exit ?? "error",
    known?.code ?? "RESTORE_FAILED",
    `${sentence}; ${after}`,
    {
      ...(known?.hint === undefined ? {} : { hint: known.hint }),
      cause: error,
    },
  );
}

/** `--resume` and `--rollback` after a kill or a power cut. */
async function goOn(
  context: Context,
  options: RestoreOptions,
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
  const result = { archive: plan.archive, plan: [], kept: keptPlaces(plan), warnings: [] };
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
  const input = await stagedInput(context, plan);
  const done = new Set(unfinished.done);
  // A start is no state that lasts over a reboot, and K3s may have been stopped since.
  for (const step of ["guard", "start", "check"] as const) done.delete(step);
  if (unfinished.done.has("reset")) done.add("stop");
  else done.delete("stop");
  return { ...result, outcome: "restored", steps: await act(context, { input, journal, done }) };
}

async function consent(
  context: Context,
  options: { readonly yes: boolean; readonly clusterName: string },
): Promise<void> {
  if (options.yes) return;
  const refuse = (message: string): OperatorError =>
    new OperatorError("refused", "NO_CONSENT", message, {
      hint: "nothing was changed; for scripts: --yes",
    });
  if (context.ask === undefined)
    throw refuse("a restore has to be confirmed, and there is no terminal to ask on");
  const answer = await context.ask(
    `Restore? Type the cluster's name (${options.clusterName}) to go on: `,
  );
  if (answer.trim() !== options.clusterName) throw refuse("the restore was not confirmed");
}

function inTheWay({ unfinished, plan }: JournalState): OperatorError {
  const at = unfinished === undefined ? "between two steps" : `at the step "${unfinished}"`;
  return new OperatorError(
    "refused",
    "RESTORE_UNFINISHED",
    `a restore of ${plan.archive} stopped ${at}; K3s is held back on purpose: started now it would come up empty`,
    {
      hint: `go on: railiance-cluster restore --resume; go back: railiance-cluster restore --rollback (${JOURNAL})`,
    },
  );
}

function keptPlaces(plan: RestorePlan): string[] {
  const places = new Set(plan.moves.map(({ to }) => to.slice(0, to.lastIndexOf("/"))));
  if (plan.files.some(({ kept }) => kept !== null)) places.add(`${plan.folder}/before`);
  return [...places];
}
