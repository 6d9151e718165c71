/** One run of a drill: probe, kill, put back, judge; whatever ends it, there is an ending to report. */
import { OperatorError } from "../errors.ts";
import { runCheck, untilPassed } from "../ha/checks/run.ts";
import { requireLabel } from "../ha/drill/guards.ts";
import { figuresFor, runExperiment } from "../ha/drill/experiment.ts";
import { reasonsAgainst } from "../ha/drill/verdict.ts";
import { victimOf } from "../ha/kill/kill.ts";
import { kindOfError } from "../ha/probes/probe.ts";
import { makeProbe } from "../ha/probes/make.ts";
import { resolvePrimary } from "../ha/resolve/target.ts";
import { sha256Hex } from "../sys/hash.ts";
import { UNINTERRUPTED } from "../sys/host.ts";
import { pause } from "../sys/pause.ts";
import { THIS_PROCESS } from "../sys/this-process.ts";
import { spanText } from "../words.ts";
import type { CheckContext } from "../ha/checks/run.ts";
import type { Cluster } from "../ha/cluster.ts";
import type { Killed, Observed, Target } from "../ha/drill/experiment.ts";
import type { Figures } from "../ha/drill/figures.ts";
import type { CheckResult, ReportEnd } from "../ha/drill/report.ts";
import type { CheckSpec } from "../ha/drill/check-schema.ts";
import type { Drill } from "../ha/drill/schema.ts";
import type { Probe } from "../ha/probes/probe.ts";
import type { Context } from "./context.ts";

export type { Target } from "../ha/drill/experiment.ts";

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

/** Who is the primary and what would be killed. Throws an OperatorError, `NO_PRIMARY` among others. */
export async function chooseVictim({ drill, cluster, context }: Run): Promise<Target> {
  const namespace = drill.component?.namespace;
  const primary = await resolvePrimary(drill.target, {
    cluster,
    namespace,
    timeout: 5_000,
    signal: context.host.signal,
  });
  if (primary === undefined) {
    throw new OperatorError(
      "drillFailed",
      "NO_PRIMARY",
      "nothing was killed, for there is no primary now",
    );
  }
  const victim = await victimOf(drill.kill, { host: context.host, cluster, namespace, primary });
  requireLabel(drill, victim);
  return { primary, victim };
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

/** From the first write of the probe to the last check. Whatever happens, what was taken down is put back. */
export async function carryOut(run: Run): Promise<Ending> {
  const { context, drill, cluster } = run;
  const late = AbortSignal.timeout(drill.abort.timeout);
  const signal = AbortSignal.any([context.host.signal, late]);
  let probe: Probe | undefined;
  try {
    return await endingOf(
      run,
      async () => {
        const made = await makeProbe(drill.probe, {
          cluster,
          run: runName(run),
          signal: UNINTERRUPTED,
        });
        probe = made;
        await made.prepare();
        context.talk({
          type: "step",
          text: `probing for ${spanText(drill.baseline)} before the kill`,
        });
        await runExperiment({
          drill,
          probe: made,
          cluster,
          signal,
          clock: run.clock,
          say: (text) => context.talk({ type: "step", text }),
          choose: () => chooseVictim(run),
          seen: run.seen,
        });
        await putBack(run);
        return await judge(run, made);
      },
      late,
    );
  } finally {
    await clearQuietly(probe);
  }
}

/** Tells the rows of this run from those of others. */
function runName({ drill, started }: Run): string {
  const text = `${drill.name} ${started} ${THIS_PROCESS.pid}`;
  return sha256Hex(new TextEncoder().encode(text)).slice(0, 12);
}

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
function known(run: Run, present?: ReadonlySet<number>) {
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

function notPassed(
  { drill }: Run,
  end: { readonly verdict: string; readonly reasons: readonly string[] },
): OperatorError {
  const how = end.verdict === "aborted" ? "was aborted" : "failed";
  return new OperatorError(
    "drillFailed",
    end.verdict === "aborted" ? "DRILL_ABORTED" : "DRILL_FAILED",
    `the drill ${drill.name} ${how}: ${end.reasons.join("; ")}`,
  );
}

/** Reads back what was written, checks redundancy, and says what was proven. */
async function judge(run: Run, probe: Probe): Promise<Ending> {
  const { drill, context, seen } = run;
  const { killed } = seen;
  if (killed === undefined) return unwell(run);
  context.talk({ type: "step", text: "checking that all is well again" });
  const present = probe.writes ? await readBack(run, probe) : undefined;
  await runChecks(run, { specs: drill.after, when: "after" });
  const failed = seen.checks.filter(({ when, passed }) => when === "after" && !passed);
  const facts = known(run, present);
  if (facts.figures === undefined) throw new TypeError("killed without figures");
  const reasons = [
    ...reasonsAgainst({
      figures: facts.figures,
      window: drill.recovery.window,
      maxUnavailable: drill.recovery.maxUnavailable,
      maxLostAcked: drill.recovery.maxLostAcked,
      writes: probe.writes,
      writesRead: present !== undefined,
      primaryChanged: changed(run, killed),
      stillThere: killed.gone === false ? killed.victim.text : undefined,
      afterFailures: failed.map(({ id, detail }) => `${id}: ${detail}`),
    }),
    ...seen.troubles,
  ];
  const verdict = reasons.length === 0 ? "passed" : "failed";
  return {
    ...facts,
    verdict,
    reasons,
    writesRead: present !== undefined,
    redundancyRestoredAt: failed.length === 0 ? run.clock() - killed.at : undefined,
    failure: verdict === "passed" ? undefined : notPassed(run, { verdict, reasons }),
  };
}

/** Undefined: not asked for. */
function changed({ drill }: Run, { newPrimary }: Killed): boolean | undefined {
  return drill.recovery.primaryChanges ? newPrimary !== undefined : undefined;
}

/** Service was not there in the moments before the kill, so there was none. */
function unwell(run: Run): Ending {
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

/** Once; says so, loudly, where it fails: then something stays down that the drill took down. */
async function putBack({ seen, context }: Run): Promise<void> {
  const victim = seen.target?.victim;
  if (victim === undefined || !seen.taken || seen.restored === true) return;
  seen.restored = true;
  try {
    await victim.putBack();
  } catch (error) {
    const message = `${victim.text} was not put back (${error instanceof OperatorError ? error.message : kindOfError(error)})`;
    seen.troubles.push(message);
    context.talk({
      type: "warning",
      code: "NOT_PUT_BACK",
      message,
      hint: "put it back by hand; docs/ha.md says what each kind of kill takes down",
    });
  }
}

/** The new primary may need a moment; undefined when it stays unreadable. Throws the signal's reason. */
async function readBack(
  { clock, context, seen }: Run,
  probe: Probe,
): Promise<ReadonlySet<number> | undefined> {
  const deadline = clock() + (seen.killed?.recovered === true ? 30_000 : 5_000);
  for (;;) {
    try {
      return await probe.present();
    } catch {
      if (clock() > deadline) return undefined;
      await pause(500, context.host.signal);
    }
  }
}

async function clearQuietly(probe: Probe | undefined): Promise<void> {
  try {
    await probe?.clear();
  } catch {
    // A component that did not come back keeps the drill's rows; the report says what became of it.
  }
}
