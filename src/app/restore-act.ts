/** Taking the steps of a restore, and going back when one of them fails. */
import { OperatorError, messageOf } from "../errors.ts";
import { removeFile, removeFolder } from "../sys/remove.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { serviceState } from "../k3s/service.ts";
import { readJournal } from "./journal.ts";
import { BACK_NOT_READY, rollBack, stateAfter } from "./restore-rollback.ts";
import { ballastFile } from "./restore-traces.ts";
import { waysOut } from "./restore-unfinished.ts";
import { uninterrupted } from "./restore-uninterrupted.ts";
import type { Context } from "./context.ts";
import type { Journal, RestorePlan, StepName } from "./journal.ts";
import type { HostInput, Step } from "./restore-steps.ts";

/** A step that knows what it works on. */
export interface BoundStep {
  readonly name: StepName;
  readonly doing: string;
  run(): Promise<string>;
}

export interface StepResult {
  readonly name: string;
  /** What was done, as facts. */
  readonly detail: string;
  readonly milliseconds: number;
}

interface Action {
  readonly plan: RestorePlan;
  readonly journal: Journal;
  readonly steps: readonly BoundStep[];
}

/** The steps, bound to what they work on. */
export function stepsFor<Input extends HostInput>(steps: readonly Step<Input>[], input: Input) {
  return steps.map((step) => ({
    name: step.name,
    doing: step.doing,
    run: () => step.run(input),
  }));
}

/**
 * Takes the steps one after the other, each in the journal before it happens. When
 * one fails, or a signal comes, goes back; throws an OperatorError that names the
 * cause and the state then. What has passed its check, or was accepted, is not undone:
 * then only the end is left to do, `NOT_ENDED`.
 */
export async function act(context: Context, action: Action): Promise<readonly StepResult[]> {
  const { journal } = action;
  const steps: StepResult[] = [];
  let current = "";
  // Steps without a check among them are taken after it.
  let checked = action.steps.every(({ name }) => name !== "check");
  try {
    for (const step of action.steps) {
      current = step.doing;
      if (step.name !== "finish") context.host.signal.throwIfAborted();
      context.talk({ type: "step", text: step.doing });
      await journal.begin(step.name);
      const started = context.host.monotonic();
      const detail = await step.run();
      if (step.name === "check") checked = true;
      // The last step has filed the journal away.
      if (step.name !== "finish") await journal.done(step.name);
      context.talk({ type: "done", text: detail });
      steps.push({
        name: step.name,
        detail,
        milliseconds: Math.round(context.host.monotonic() - started),
      });
    }
    return steps;
  } catch (error) {
    const failed = { ...action, error, current };
    throw checked ? await notEnded(context, failed) : await undo(context, failed);
  }
}

interface Failed extends Action {
  readonly error: unknown;
  /** What was being done. */
  readonly current: string;
}

/** The cluster stays as it is: going back would take a good one away, over a file that could not be removed. */
async function notEnded(context: Context, failed: Failed): Promise<OperatorError> {
  const { plan } = failed;
  const error = explained(failed);
  const state = await readJournal().catch(() => undefined);
  const well = plan.join === undefined ? "restored and checked" : "joined and checked";
  const runs = (await serviceState(uninterrupted(context.host))) === "active";
  return new OperatorError(
    error instanceof OperatorError ? error.exit : "error",
    "NOT_ENDED",
    `${state?.kept === true ? "accepted" : well}, but could not end: ${stoppedBy(context, error) ?? messageOf(error)}`,
    {
      hint: `K3s ${runs ? "runs, and may be" : "may be"} held back after the next boot until this ends it: railiance-cluster restore --resume`,
      cause: error,
    },
  );
}

function explained({ error, plan }: Failed): unknown {
  return explainWriteError(error, `${plan.dataDir} or the disk of its configuration`);
}

/** Goes back, and returns the error to throw: the cause, and what the state is now. */
async function undo(context: Context, failed: Failed): Promise<OperatorError> {
  const { plan, journal, current } = failed;
  const error = explained(failed);
  const known = error instanceof OperatorError ? error : undefined;
  const sentence = whatFailed(context, known ?? error, current);
  if (plan.keep && known?.code === "HEALTH") {
    await removeFile(ballastFile(plan)); // room for the next line
    await journal.kept(sentence);
    await removeFolder(`${plan.folder}/archive`);
    return new OperatorError("error", "HEALTH_KEPT", `${sentence}; it was kept as asked`, {
      hint: `${known.hint ?? ""}${known.hint === undefined ? "" : "; "}K3s runs, and is held back after the next boot; ${waysOut({ kept: true, rollingBack: false })}`,
      cause: error,
    });
  }
  context.talk({ type: "warning", code: known?.code ?? "RESTORE_FAILED", message: sentence });
  try {
    await rollBack(context, { plan, journal, reason: sentence });
  } catch (second) {
    return goingBackFailed(sentence, second);
  }
  return new OperatorError(
    known?.exit ?? "error",
    known?.code ?? "RESTORE_FAILED",
    `${sentence}; ${stateAfter(plan)}`,
    {
      ...(known?.hint === undefined ? {} : { hint: known.hint }),
      cause: error,
    },
  );
}

function whatFailed(context: Context, error: unknown, current: string): string {
  const stopped = stoppedBy(context, error);
  return stopped === undefined
    ? `the restore failed while ${current}: ${messageOf(error)}`
    : `the restore was ${stopped} while ${current}`;
}

/** Undefined unless it was a signal. */
function stoppedBy({ host }: Context, error: unknown): string | undefined {
  const reason: unknown = host.signal.reason;
  if (!host.signal.aborted || error !== reason || !(error instanceof OperatorError)) {
    return undefined;
  }
  return /^stopped by \w+/.exec(error.message)?.[0] ?? "stopped";
}

function goingBackFailed(sentence: string, error: unknown): OperatorError {
  const options = { cause: error };
  if (error instanceof OperatorError && error.code === BACK_NOT_READY) {
    const { hint } = error;
    return new OperatorError("error", BACK_NOT_READY, `${sentence}; ${error.message}`, {
      ...options,
      ...(hint === undefined ? {} : { hint }),
    });
  }
  return new OperatorError(
    "error",
    "ROLLBACK_FAILED",
    `${sentence}; going back failed too: ${messageOf(error)}`,
    { ...options, hint: goingBackAgain(error) },
  );
}

function goingBackAgain(error: unknown): string {
  const first = error instanceof OperatorError ? error.hint : undefined;
  const again = "K3s is held back; once more: railiance-cluster restore --rollback";
  return first === undefined || first.includes("--rollback")
    ? (first ?? again)
    : `${first}; ${again}`;
}
