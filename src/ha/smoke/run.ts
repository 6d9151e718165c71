/** Running smoke checks: all of them, a few at a time, each within its own time-out; none can keep the others from running. */
import { OperatorError } from "../../errors.ts";
import { spanText } from "../../words.ts";
import { kindOfError } from "../probes/probe.ts";
import { fail } from "./check.ts";
import type { SmokeOutcome } from "./check.ts";

export interface SmokeTask {
  readonly id: string;
  /** Milliseconds. */
  readonly timeout: number;
  readonly hint: string;
  run(signal: AbortSignal): Promise<SmokeOutcome>;
}

export interface SmokeResult {
  readonly id: string;
  readonly outcome: SmokeOutcome["outcome"];
  readonly detail: string;
  readonly hint: string | undefined;
  /** Milliseconds. */
  readonly duration: number;
  readonly timeout: number;
}

/** kubectl is a large program: on a small server more of them at once make each other late. */
const AT_ONCE = 3;

/** Results in the order of the tasks. Throws only the signal's reason. */
export async function runSmoke(
  tasks: readonly SmokeTask[],
  options: { readonly signal: AbortSignal; readonly now: () => number },
): Promise<readonly SmokeResult[]> {
  const results = new Map<SmokeTask, SmokeResult>();
  const waiting = [...tasks];
  const worker = async (): Promise<void> => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) {
      results.set(task, await runTask(task, options));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return tasks.flatMap((task) => results.get(task) ?? []);
}

async function runTask(
  task: SmokeTask,
  { signal, now }: { readonly signal: AbortSignal; readonly now: () => number },
): Promise<SmokeResult> {
  const began = now();
  const late = AbortSignal.timeout(task.timeout);
  const either = AbortSignal.any([signal, late]);
  let outcome: SmokeOutcome;
  try {
    outcome = await untilAborted(task.run(either), either);
  } catch (error) {
    signal.throwIfAborted();
    outcome = late.aborted ? fail(`no result within ${spanText(task.timeout)}`) : outcomeOf(error);
  }
  return {
    id: task.id,
    outcome: outcome.outcome,
    detail: outcome.detail,
    hint: outcome.outcome === "fail" ? (outcome.hint ?? task.hint) : undefined,
    duration: now() - began,
    timeout: task.timeout,
  };
}

/** Messages of other errors may quote data: only their kind is shown. */
function outcomeOf(error: unknown): SmokeOutcome {
  if (error instanceof OperatorError) return fail(error.message, error.hint);
  return fail(`could not be checked (${kindOfError(error)})`);
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
