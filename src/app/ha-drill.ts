/** `ha drill`: what has to hold before anything is killed, consent, the run, its report. */
import { OperatorError } from "../errors.ts";
import { checkGuards } from "../ha/drill/guards.ts";
import { readDrillFile } from "../ha/drill/read-file.ts";
import { takeLease } from "../ha/drill/lease-lock.ts";
import { makeReport } from "../ha/drill/report.ts";
import { whatItRestsOn } from "../ha/rests-on.ts";
import { sha256Hex } from "../sys/hash.ts";
import { takeLock } from "../sys/lock.ts";
import { ensureFolder } from "../sys/remove.ts";
import { THIS_PROCESS } from "../sys/this-process.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { spanText, timeText } from "../words.ts";
import { VERSION } from "../version.ts";
import { findArchives } from "./archives.ts";
import { clusterHere } from "./ha-cluster.ts";
import { carryOut } from "./ha-drill-carry-out.ts";
import { look } from "./ha-drill-look.ts";
import { beginRun } from "./ha-drill-run.ts";
import { keepReport } from "./ha-reports.ts";
import { LOCK_FILE } from "./places.ts";
import type { Cluster } from "../ha/cluster.ts";
import type { DrillFile } from "../ha/drill/read-file.ts";
import type { DrillReport } from "../ha/drill/report.ts";
import type { Context } from "./context.ts";
import type { Target } from "../ha/drill/experiment.ts";
import type { Ending, Run } from "./ha-drill-run.ts";

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
  /** What a dry run has to say. */
  readonly lines: readonly string[];
  /** Why it is no pass, with the exit code that goes with it; undefined after a pass and a dry run. */
  readonly failure: OperatorError | undefined;
}

/**
 * Runs a drill to its end. Throws an OperatorError for what keeps it from
 * beginning (file, lock, guards, no consent). After that there is always a
 * report, also of a drill that was interrupted or found the component unwell.
 */
export async function drill(context: Context, options: DrillOptions): Promise<DrillResult> {
  const file = await readDrillFile(options.file);
  const cluster = await clusterHere(context, options);
  await using _lock = options.dryRun
    ? undefined
    : await takeLock(LOCK_FILE, `drill ${file.drill.name}, pid ${THIS_PROCESS.pid}`);
  // Before anything is killed: afterwards the cluster may not be there to be asked.
  const restsOn = options.dryRun ? null : await whatItRestsOn(file.drill.kill, cluster);
  const input: Input = { context, options, file, cluster, restsOn };
  await guard(input);
  if (!options.dryRun) await reportsFolder(options.reports);
  const start = { context, drill: file.drill, cluster };
  const looking = beginRun(start);
  const looked = await look(looking);
  if ("ending" in looked) {
    return options.dryRun ? refuse(looked.ending) : await conclude(looking, looked.ending, input);
  }
  if (options.dryRun) return planOf(looking, looked.target);
  await consent(looked.target, input);
  // Whoever was asked may have thought about it past the end of the window.
  if (!options.yes) await guard(input);
  await using _lease =
    cluster === undefined
      ? undefined
      : await takeLease(cluster, {
          holder: `${context.host.hostname}/${file.drill.name}`,
          longest: longestOf(file),
        });
  const run = beginRun(start);
  run.seen.checks.push(...looking.seen.checks);
  return await conclude(run, await carryOut(run), input);
}

interface Input {
  readonly context: Context;
  readonly options: DrillOptions;
  readonly file: DrillFile;
  readonly cluster: Cluster | undefined;
  /** Null: a live cluster. */
  readonly restsOn: string | null;
}

async function guard({ context, options, file, cluster }: Input): Promise<void> {
  await checkGuards({
    drill: file.drill,
    cluster,
    now: context.host.now(),
    newestBackup: await newestBackup(options.directory),
  });
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

/** Before the kill: a drill whose report has no place to go proves nothing afterwards. */
async function reportsFolder(folder: string): Promise<void> {
  try {
    await ensureFolder(folder);
  } catch (error) {
    throw explainWriteError(error, folder);
  }
}

/** Longest time from the Lease to its end, in milliseconds. */
function longestOf({ drill }: DrillFile): number {
  const after = drill.after.reduce((sum, { timeout }) => sum + timeout, 0);
  return drill.abort.timeout + after + 10 * 60_000;
}

function refuse({ failure }: Ending): never {
  throw failure ?? new TypeError("a dry run ended without a reason");
}

function planOf({ drill, seen }: Run, { primary, victim }: Target): DrillResult {
  return {
    report: undefined,
    files: [],
    failure: undefined,
    lines: [
      ...seen.checks.map(({ id, detail }) => `well now       ${id}: ${detail}`),
      `primary now    ${primary.name}`,
      `would kill     ${victim.text} (${drill.kill.method})`,
      `must be back   within ${spanText(drill.recovery.window)}, at most ${drill.recovery.maxLostAcked} acknowledged writes lost`,
      `then           ${drill.after.map(({ id }) => id).join(", ") || "nothing more is checked"}`,
    ],
  };
}

async function consent({ victim }: Target, { context, options, file }: Input): Promise<void> {
  if (options.yes) return;
  const { name } = file.drill;
  const refusal = (message: string): OperatorError =>
    new OperatorError("refused", "NO_CONSENT", message, {
      hint: "nothing was killed; look first: --dry-run; for scripts: --yes",
    });
  if (context.ask === undefined) {
    throw refusal(
      "a drill kills something that serves, so it has to be confirmed, and there is no terminal to ask on",
    );
  }
  const answer = await context.ask(
    `Kill ${victim.text}? Type the drill's name (${name}) to go on: `,
  );
  if (answer.trim() !== name) throw refusal("the drill was not confirmed");
}

/** Writes the report. One that cannot be kept makes a pass none: the gate would never see it. */
async function conclude(run: Run, ending: Ending, input: Input): Promise<DrillResult> {
  const { file, options, context, restsOn } = input;
  const report = makeReport(
    {
      drill: file.drill.name,
      about: file.drill.about ?? null,
      component: file.drill.component ?? null,
      fileSha256: sha256Hex(new TextEncoder().encode(file.text)),
      host: context.host.hostname,
      toolVersion: VERSION,
      started: run.started,
      window: file.drill.recovery.window,
      restsOn,
    },
    { ...ending, ended: timeText(context.host.now()) },
  );
  const done = { report, lines: [] };
  try {
    const files = await keepReport(report, options.reports);
    return { ...done, files, failure: ending.failure };
  } catch (error) {
    const explained = explainWriteError(error, options.reports);
    if (!(explained instanceof OperatorError)) throw explained;
    return { ...done, files: [], failure: ending.failure ?? explained };
  }
}
