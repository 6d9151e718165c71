/** How a run ends before it can be judged: by a signal, by its time-out, by what it found; always with a report. */
import { OperatorError } from "../errors.ts";
import { figuresFor } from "../ha/drill/experiment.ts";
import { spanText } from "../words.ts";
import { putBack } from "./ha-drill-put-back.ts";
import type { Figures } from "../ha/drill/figures.ts";
import type { Ending, Run } from "./ha-drill-run.ts";

/** What `work` gives, or the ending that its error means. Puts back first; throws only what is a bug. */
export async function endingOf<T extends Ending | undefined>(
  run: Run,
  work: () => Promise<T>,
  late?: AbortSignal,
): Promise<T | Ending> {
  try {
    return await work();
  } catch (error) {
    await putBack(run);
    const { signal } = run.context.host;
    if (signal.aborted) {
      const reason: unknown = signal.reason;
      if (!(reason instanceof OperatorError)) throw error;
      return endedEarly(run, {
        verdict: "interrupted",
        reason: "stopped by a signal",
        failure: reason,
      });
    }
    if (late?.aborted === true) {
      const reason = `it took longer than ${spanText(run.drill.abort.timeout)} (abort.timeout)`;
      return endedEarly(run, { verdict: "aborted", reason, failure: undefined });
    }
    if (!(error instanceof OperatorError)) throw error;
    return endedEarly(run, { verdict: "aborted", reason: error.message, failure: error });
  }
}

/** With the figures so far; what was written is not read, and what is not known is no recovery. */
function endedEarly(
  run: Run,
  end: {
    readonly verdict: "interrupted" | "aborted";
    readonly reason: string;
    readonly failure: OperatorError | undefined;
  },
): Ending {
  const reasons = [end.reason, ...run.seen.troubles];
  return {
    ...known(run),
    verdict: end.verdict,
    reasons,
    writesRead: false,
    failure: end.failure ?? notPassed(run, { verdict: end.verdict, reasons }),
  };
}

/** The part of an ending that needs no judgement. */
export function known(run: Run, present?: ReadonlySet<number>) {
  const { killed, target, checks, attempts } = run.seen;
  const figures = figuresFor(run.drill, run.seen, present);
  return {
    victim: killed?.victim.text,
    oldPrimary: target?.primary.name,
    newPrimary: killed?.newPrimary?.name,
    figures: figures === undefined || killed?.recovered === true ? figures : unrecovered(figures),
    checks,
    attempts,
  };
}

function unrecovered(figures: Figures): Figures {
  return { ...figures, unavailable: undefined, firstOkAt: undefined };
}

/** The error of a drill that is no pass, with its exit code. */
export function notPassed(
  { drill }: Run,
  end: { readonly verdict: string; readonly reasons: readonly string[] },
): OperatorError {
  const how = end.verdict === "aborted" ? "was aborted" : "failed";
  return new OperatorError(
    "drillFailed",
    end.verdict === "aborted" ? "DRILL_ABORTED" : "DRILL_FAILED",
    `the drill ${drill.name} ${how}: ${end.reasons.join("; ")}`,
    {
      hint: "what is unwell now: railiance-cluster ha smoke; every attempt of the client is in the report",
    },
  );
}

/** Service was not there in the moments before the kill, so there was none. */
export function unwell(run: Run): Ending {
  const { attempts } = run.seen;
  const kinds = [...new Set(attempts.flatMap(({ error }) => error ?? []))].join(", ");
  const reasons = [
    `nothing was killed, for the probe failed before (${kinds || "no answer at all"})`,
    ...run.seen.troubles,
  ];
  return {
    ...known(run),
    verdict: "aborted",
    reasons,
    writesRead: false,
    failure: notPassed(run, { verdict: "aborted", reasons }),
  };
}
