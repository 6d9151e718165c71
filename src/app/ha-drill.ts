/** `ha drill`: guards, steady state, probe, kill, figures, steady state again, report. */
import { OperatorError, messageOf } from "../errors.ts";
import { runCheck, untilPassed } from "../ha/checks/run.ts";
import { checkGuards, requireLabel } from "../ha/drill/guards.ts";
import { figuresFor, runExperiment } from "../ha/drill/experiment.ts";
import { readDrillFile } from "../ha/drill/read-file.ts";
import { takeLease } from "../ha/drill/lease-lock.ts";
import { makeReport } from "../ha/drill/report.ts";
import { reasonsAgainst } from "../ha/drill/verdict.ts";
import { victimOf } from "../ha/kill/kill.ts";
import { makeProbe } from "../ha/probes/make.ts";
import { resolvePrimary } from "../ha/resolve/target.ts";
import { sha256Hex } from "../sys/hash.ts";
import { UNINTERRUPTED } from "../sys/host.ts";
import { takeLock } from "../sys/lock.ts";
import { THIS_PROCESS } from "../sys/this-process.ts";
import { spanText, timeText } from "../words.ts";
import { VERSION } from "../version.ts";
import { findArchives } from "./archives.ts";
import { clusterHere } from "./ha-cluster.ts";
import { LOCK_FILE } from "./places.ts";
import { keepReport } from "./ha-reports.ts";
import type { Cluster } from "../ha/cluster.ts";
import type { CheckContext } from "../ha/checks/run.ts";
import type { Experiment, Observed } from "../ha/drill/experiment.ts";
import type { Figures } from "../ha/drill/figures.ts";
import type { CheckResult, DrillReport, ReportStart } from "../ha/drill/report.ts";
import type { CheckSpec, Drill } from "../ha/drill/schema.ts";
import type { Verdict } from "../ha/drill/verdict.ts";
import type { Victim } from "../ha/kill/kill.ts";
import type { Context } from "./context.ts";

export interface DrillOptions {
  readonly file: string;
  /** Folder of archives, for the guard on the age of the newest. */
  readonly directory: string;
  readonly dataDir: string | undefined;
  /** Where reports go. */
  readonly reports: string;
  /** Only say what would be killed. */
  readonly dryRun: boolean;
  readonly yes: boolean;
}

export interface DrillResult {
  /** Undefined after a dry run. */
  readonly report: DrillReport | undefined;
  /** Where it is kept. */
  readonly files: readonly string[];
  readonly lines: readonly string[];
}

/** All that one run works with. */
interface Run {
  readonly context: Context;
  readonly drill: Drill;
  readonly cluster: Cluster | undefined;
  readonly clock: () => number;
  readonly checks: CheckContext;
}

/**
 * Runs a drill to its end. Throws an OperatorError for what is wrong before
 * anything was killed (guards, steady state, no consent); after that the report
 * says how it went, and the caller turns the verdict into an exit code.
 */
export async function drill(context: Context, options: DrillOptions): Promise<DrillResult> {
  const file = await readDrillFile(options.file);
  const cluster = await clusterHere(context, options);
  await using _lock = options.dryRun
    ? undefined
    : await takeLock(LOCK_FILE, `drill ${file.drill.name}, pid ${THIS_PROCESS.pid}`);
  await checkGuards({
    drill: file.drill,
    cluster,
    now: context.host.now(),
    newestBackup: await newestBackup(options.directory),
  });
  const began = context.host.monotonic();
  const clock = (): number => context.host.monotonic() - began;
  const checks = { cluster, signal: context.host.signal, now: clock };
  const run: Run = { context, drill: file.drill, cluster, clock, checks };
  const before = await steadyState(run);
  if (options.dryRun) return await dryRun(run, before);
  await consent(run, options.yes);
  await using _lease =
    cluster === undefined
      ? undefined
      : await takeLease(cluster, `${context.host.hostname}/${file.drill.name}`);
  const start: ReportStart = {
    drill: file.drill.name,
    about: file.drill.about ?? null,
    component: file.drill.component ?? null,
    fileSha256: sha256Hex(new TextEncoder().encode(file.text)),
    host: context.host.hostname,
    toolVersion: VERSION,
    started: timeText(context.host.now()),
    window: file.drill.recovery.window,
    restsOn: null,
  };
  const report = await carryOut(run, { start, before });
  const files = await keepReport(report, options.reports);
  return { report, files, lines: [] };
}

async function newestBackup(directory: string): Promise<Date | undefined> {
  try {
    const [newest] = await findArchives(directory);
    return newest === undefined ? undefined : new Date(newest.created);
  } catch (error) {
    if (error instanceof OperatorError && error.exit === "notFound") return undefined;
    throw error;
  }
}

/** Throws an OperatorError `NOT_STEADY` when a check of the steady state fails: then nothing is killed. */
async function steadyState(run: Run): Promise<readonly CheckResult[]> {
  run.context.talk({ type: "step", text: "checking that all is well before" });
  const results = await runChecks(run, { specs: run.drill.steadyState, when: "before" });
  const failed = results.filter(({ passed }) => !passed);
  const [first] = failed;
  if (first === undefined) {
    run.context.talk({
      type: "done",
      text: results.map(({ id, detail }) => `${id}: ${detail}`).join("; "),
    });
    return results;
  }
  throw new OperatorError(
    "drillFailed",
    "NOT_STEADY",
    `nothing was killed, for it is not well now: ${failed.map(({ id, detail }) => `${id}: ${detail}`).join("; ")}`,
    first.hint === undefined ? {} : { hint: first.hint },
  );
}

async function runChecks(
  run: Run,
  input: { readonly specs: readonly CheckSpec[]; readonly when: "before" | "after" },
): Promise<readonly CheckResult[]> {
  const results: CheckResult[] = [];
  for (const spec of input.specs) {
    const outcome = await (input.when === "before" ? runCheck : untilPassed)(spec, run.checks);
    results.push({ id: spec.id, when: input.when, ...outcome });
  }
  return results;
}

async function choose(run: Run): Promise<Awaited<ReturnType<Experiment["choose"]>>> {
  const { drill, cluster, context } = run;
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

async function dryRun(run: Run, before: readonly CheckResult[]): Promise<DrillResult> {
  const { primary, victim } = await choose(run);
  const { drill } = run;
  return {
    report: undefined,
    files: [],
    lines: [
      ...before.map(({ id, detail }) => `well now       ${id}: ${detail}`),
      `primary now    ${primary.name}`,
      `would kill     ${victim.text} (${drill.kill.method})`,
      `must be back   within ${spanText(drill.recovery.window)}, at most ${drill.recovery.maxLostAcked} acknowledged writes lost`,
      `then           ${drill.after.map(({ id }) => id).join(", ") || "nothing more is checked"}`,
    ],
  };
}

async function consent({ context, drill }: Run, yes: boolean): Promise<void> {
  if (yes) return;
  const refuse = (message: string): OperatorError =>
    new OperatorError("refused", "NO_CONSENT", message, {
      hint: "nothing was killed; look first: --dry-run; for scripts: --yes",
    });
  if (context.ask === undefined) {
    throw refuse(
      "a drill kills something that serves, so it has to be confirmed, and there is no terminal to ask on",
    );
  }
  const answer = await context.ask(
    `Kill the primary? Type the drill's name (${drill.name}) to go on: `,
  );
  if (answer.trim() !== drill.name) throw refuse("the drill was not confirmed");
}

/** From the first write of the probe to the last check; whatever happens, what was taken down is put back. */
async function carryOut(
  run: Run,
  input: { readonly start: ReportStart; readonly before: readonly CheckResult[] },
): Promise<DrillReport> {
  const { context, drill, cluster } = run;
  const signal = AbortSignal.any([
    context.host.signal,
    AbortSignal.timeout(drill.abort.timeout ?? 600_000),
  ]);
  const name = sha256Hex(
    new TextEncoder().encode(`${drill.name} ${input.start.started} ${THIS_PROCESS.pid}`),
  ).slice(0, 12);
  const probe = await makeProbe(drill.probe, { cluster, run: name, signal: UNINTERRUPTED });
  await probe.prepare();
  context.talk({ type: "step", text: `probing for ${spanText(drill.baseline)} before the kill` });
  let victim: Victim | undefined;
  const experiment: Experiment = {
    drill,
    probe,
    cluster,
    signal,
    clock: run.clock,
    say: (text) => context.talk({ type: "step", text }),
    choose: async () => {
      const chosen = await choose(run);
      victim = chosen.victim;
      return chosen;
    },
  };
  const finish = async (end: Ending): Promise<DrillReport> => {
    const checks = [...input.before, ...end.checks];
    return makeReport(input.start, { ...end, ended: timeText(context.host.now()), checks });
  };
  try {
    const observed = await runExperiment(experiment);
    await victim?.putBack();
    victim = undefined;
    return await finish(await judge(run, { experiment, observed }));
  } catch (error) {
    const interrupted = context.host.signal.aborted;
    if (
      !interrupted &&
      !signal.aborted &&
      error instanceof OperatorError &&
      error.code !== "KILL_FAILED"
    )
      throw error;
    if (!interrupted && !signal.aborted && !(error instanceof OperatorError)) throw error;
    const verdict: Verdict = interrupted ? "interrupted" : "aborted";
    const reason = interrupted
      ? "stopped by a signal"
      : signal.aborted
        ? "it took longer than abort.timeout"
        : messageOf(error);
    return await finish({
      verdict,
      reasons: [reason],
      writesRead: false,
      checks: [],
      attempts: [],
    });
  } finally {
    await quietly(() => victim?.putBack());
    await quietly(() => probe.clear());
  }
}

type Ending = Omit<Parameters<typeof makeReport>[1], "ended">;

async function quietly(work: () => Promise<void> | undefined): Promise<void> {
  try {
    await work();
  } catch {
    // The report says what became of the component; this is only tidying.
  }
}

/** Reads back what was written, checks redundancy, and says what was proven. */
async function judge(
  run: Run,
  input: { readonly experiment: Experiment; readonly observed: Observed },
): Promise<Ending> {
  const { experiment, observed } = input;
  const { drill, context } = run;
  const { killed, attempts } = observed;
  if (killed === undefined) {
    const kinds = [...new Set(attempts.flatMap(({ error }) => error ?? []))].join(", ");
    const reason = `nothing was killed, for the probe failed before (${kinds || "no answer at all"})`;
    return { verdict: "aborted", reasons: [reason], writesRead: false, checks: [], attempts };
  }
  context.talk({ type: "step", text: "checking that all is well again" });
  const present = experiment.probe.writes ? await readBack(experiment) : undefined;
  const after = await runChecks(run, { specs: drill.after, when: "after" });
  const redundant = after.every(({ passed }) => passed);
  const figures = figuresFor(experiment, observed, present);
  if (figures === undefined) throw new TypeError("killed without figures");
  const reasons = reasonsAgainst({
    figures: killed.recovered ? figures : { ...figures, unavailable: undefined },
    window: drill.recovery.window,
    maxUnavailable: drill.recovery.maxUnavailable,
    maxLostAcked: drill.recovery.maxLostAcked,
    writes: experiment.probe.writes,
    writesRead: present !== undefined,
    primaryChanged: drill.recovery.primaryChanges ? killed.newPrimary !== undefined : undefined,
    afterFailures: after
      .filter(({ passed }) => !passed)
      .map(({ id, detail }) => `${id}: ${detail}`),
  });
  return {
    verdict: reasons.length === 0 ? "passed" : "failed",
    reasons,
    victim: killed.victim.text,
    oldPrimary: killed.oldPrimary.name,
    newPrimary: killed.newPrimary?.name,
    figures: killed.recovered ? figures : withoutRecovery(figures),
    writesRead: present !== undefined,
    redundancyRestoredAt: redundant ? run.clock() - killed.at : undefined,
    checks: after,
    attempts,
  };
}

function withoutRecovery(figures: Figures): Figures {
  return { ...figures, unavailable: undefined, firstOkAt: undefined };
}

/** The new primary may need a moment; undefined when it stays unreadable. */
async function readBack({ probe, clock }: Experiment): Promise<ReadonlySet<number> | undefined> {
  const deadline = clock() + 30_000;
  for (;;) {
    try {
      return await probe.present();
    } catch {
      if (clock() > deadline) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
