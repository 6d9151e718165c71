/** All that one run of a drill works with, and what was seen of it so far. */
import { runCheck, untilPassed } from "../ha/checks/run.ts";
import { timeText } from "../words.ts";
import type { OperatorError } from "../errors.ts";
import type { CheckContext } from "../ha/checks/run.ts";
import type { Cluster } from "../ha/cluster.ts";
import type { CheckSpec } from "../ha/drill/check-schema.ts";
import type { Observed } from "../ha/drill/experiment.ts";
import type { CheckResult, ReportEnd } from "../ha/drill/report.ts";
import type { Drill } from "../ha/drill/schema.ts";
import type { Context } from "./context.ts";

/** What happened so far, so that an end at any moment can be reported. */
export interface Seen extends Observed {
  readonly checks: CheckResult[];
  /** What speaks against it besides figures and checks, as sentences. */
  readonly troubles: string[];
}

/** All that one run works with. */
export interface Run {
  readonly context: Context;
  readonly drill: Drill;
  readonly cluster: Cluster | undefined;
  /** UTC, when the clock was 0. */
  readonly started: string;
  readonly clock: () => number;
  readonly checks: CheckContext;
  readonly seen: Seen;
}

export interface Ending extends Omit<ReportEnd, "ended"> {
  /** Undefined after a pass. */
  readonly failure: OperatorError | undefined;
}

/** Its clock starts now. */
export function beginRun({
  context,
  drill,
  cluster,
}: Pick<Run, "context" | "drill" | "cluster">): Run {
  const began = context.host.monotonic();
  const clock = (): number => context.host.monotonic() - began;
  return {
    context,
    drill,
    cluster,
    started: timeText(context.host.now()),
    clock,
    checks: { cluster, signal: context.host.signal, now: clock },
    seen: {
      attempts: [],
      target: undefined,
      killed: undefined,
      checks: [],
      troubles: [],
      taken: false,
    },
  };
}

/** Adds what the checks say to what was seen. */
export async function runChecks(
  run: Run,
  input: { readonly specs: readonly CheckSpec[]; readonly when: CheckResult["when"] },
): Promise<void> {
  for (const spec of input.specs) {
    const outcome = await (input.when === "before" ? runCheck : untilPassed)(spec, run.checks);
    run.seen.checks.push({ id: spec.id, when: input.when, ...outcome });
  }
}
