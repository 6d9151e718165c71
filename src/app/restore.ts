/** `restore`: prove, plan, ask, journal, act, check; undo on failure. */
import { LOCK_FILE, STATE_FOLDER } from "./places.ts";
import { OperatorError } from "../errors.ts";
import { removeFile, removeFolder } from "../sys/remove.ts";
import { THIS_PROCESS } from "../sys/this-process.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { requireRoot } from "./preflight.ts";
import { takeLock } from "../sys/lock.ts";
import { JOURNAL, openJournal, readJournal } from "./journal.ts";
import { ACCEPT_STEPS, RESTORE_STEPS } from "./restore-steps.ts";
import { restoreUnfinished } from "./restore-unfinished.ts";
import { act, stepsFor } from "./restore-act.ts";
import { attemptWarnings } from "./attempt-guard.ts";
import { checkTarget } from "./restore-target.ts";
import { describePlan } from "./restore-words.ts";
import { fitToHost } from "./host-fit.ts";
import { fitLines, fitWarnings, requireFit } from "./fit-words.ts";
import { keptFolders, planRestore } from "./restore-plan.ts";
import { restartElsewhere } from "./restart-elsewhere.ts";
import { rollBack } from "./restore-rollback.ts";
import { estimateText, lastMeasured } from "./estimate.ts";
import { labelled } from "./loss.ts";
import { lookAtToday } from "./today.ts";
import { etcdDoubt } from "./version-rules.ts";
import { readSettings } from "../k3s/settings.ts";
import { signerWarnings } from "./restore-signer.ts";
import { stageForRestore, stagedInput } from "./restore-stage.ts";
import { writeBallast } from "./restore-traces.ts";
import type { Context, Warning } from "./context.ts";
import type { Journal, JournalState, RestorePlan } from "./journal.ts";
import type { RestartElsewhere } from "./restart-elsewhere.ts";
import type { RestoreStage } from "./restore-stage.ts";
import type { FitOptions, HostFit } from "./host-fit.ts";
import type { SafetyBackup } from "./safety-backup.ts";
import type { BoundStep, StepResult } from "./restore-act.ts";
import type { StepInput } from "./restore-steps.ts";

export interface RestoreOptions extends FitOptions {
  /** Path, name or id; undefined means the newest. */
  readonly archive: string | undefined;
  readonly directory: string;
  /** Where `.sops.yaml` is looked for, upwards: whom a safety backup is for. */
  readonly workingDirectory: string;
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
  readonly steps: readonly StepResult[];
  /** Where what was there before is kept. */
  readonly kept: readonly string[];
  /** What the operator has to restart by hand; only after a restore. */
  readonly restart?: RestartElsewhere;
  /** What was here before as an archive; absent for a plan, and after a cut that came before it. */
  readonly safetyBackup?: SafetyBackup;
  readonly warnings: readonly Warning[];
  /** How the archive fits this host; not known when going on with an earlier restore. */
  readonly fit?: HostFit;
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
  if (unfinished !== undefined) throw restoreUnfinished(unfinished);
  await using stage = await stageForRestore(context, options);
  const { manifest } = stage.proof;
  const settings = await readSettings({ dataDir: options.dataDir ?? manifest.host.dataDir });
  const allowed = await checkTarget(context, { manifest, options });
  const fit = await fitToHost(context, stage, options);
  const warnings = [
    ...allowed,
    ...(await attemptWarnings(context.host, settings)),
    ...fitWarnings(fit, manifest),
    ...(await signerWarnings(context, stage.proof, STATE_FOLDER)),
  ];
  for (const warning of warnings) context.talk({ type: "warning", ...warning });
  const plan = await planRestore(context, {
    archive: stage.path,
    manifest,
    dataDir: options.dataDir ?? manifest.host.dataDir,
    keep: options.keep,
    fit,
  });
  await using today = await lookAtToday(context, { ...stage, ...options, settings });
  for (const doubt of etcdDoubt(today.etcd, manifest)) {
    context.talk({ type: "warning", ...doubt });
    warnings.push(doubt);
  }
  const sentences = [
    ...describePlan(plan, manifest, context.host.now()),
    ...fitLines(fit, manifest),
    ...labelled("takes", [estimateText(manifest, await lastMeasured())]),
    ...today.lines,
  ];
  for (const text of sentences) context.talk({ type: "note", text });
  const result = { archive: stage.path, plan: sentences, kept: keptPlaces(plan), warnings, fit };
  if (options.plan) return { ...result, outcome: "planned", steps: [] };
  if (!options.force) requireFit(fit);
  await consent(context, { yes: options.yes, clusterName: manifest.cluster.name });
  const safetyBackup = await today.save();
  const saved = safetyBackup.path === null ? plan : { ...plan, safetyBackup: safetyBackup.path };
  const { input, journal: opened } = await begin(context, saved, stage);
  await using journal = opened;
  const steps = await act(context, { plan: saved, journal, steps: stepsFor(RESTORE_STEPS, input) });
  const restart = await toRestart(context, plan);
  return { ...result, outcome: "restored", steps, safetyBackup, restart };
}

/** The last moment at which nothing on the host is touched: whatever fails here leaves nothing. */
async function begin(
  context: Context,
  plan: RestorePlan,
  stage: RestoreStage,
): Promise<{ readonly input: StepInput; readonly journal: Journal }> {
  context.host.signal.throwIfAborted();
  try {
    await stage.keepAs(plan.folder);
    const input = await stagedInput(context, plan, stage.proof.snapshot);
    await writeBallast(plan);
    return { input, journal: await openJournal({ plan, now: () => context.host.now() }) };
  } catch (error) {
    await removeFile(JOURNAL);
    await removeFolder(plan.folder);
    throw explainWriteError(error, plan.folder);
  }
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
  const result = {
    archive: plan.archive,
    plan: [],
    kept: keptPlaces(plan),
    warnings: [],
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
  const left = await stepsLeft(context, unfinished);
  const steps = await act(context, { plan, journal, steps: left });
  return { ...result, outcome: "restored", steps, restart: await toRestart(context, plan) };
}

/** Asked once all is over: by then the restore has ended well, whatever comes of this. */
async function toRestart(context: Context, { dataDir }: RestorePlan): Promise<RestartElsewhere> {
  return await restartElsewhere(context, await readSettings({ dataDir }));
}

/** A guard may have been taken off and K3s stopped since, also by a reboot: those steps are taken again. */
async function stepsLeft(context: Context, state: JournalState): Promise<BoundStep[]> {
  const { plan, done } = state;
  if (state.kept) {
    context.talk({
      type: "note",
      text: "accepting the cluster that failed its check, as it is",
    });
  }
  if (state.kept || done.has("check")) return stepsFor(ACCEPT_STEPS, { context, plan });
  const input = await stagedInput(context, plan);
  const again = ["guard", "start", "check", "finish"];
  if (!done.has("reset")) again.push("stop");
  const left = RESTORE_STEPS.filter(({ name }) => again.includes(name) || !done.has(name));
  return stepsFor(left, input);
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

function keptPlaces(plan: RestorePlan): string[] {
  const places = keptFolders(plan);
  if (plan.files.some(({ kept }) => kept !== null)) places.push(`${plan.folder}/before`);
  return places;
}

/** What the journal knows of it. */
function safetyOf({ safetyBackup }: RestorePlan): Pick<RestoreResult, "safetyBackup"> {
  return safetyBackup === undefined ? {} : { safetyBackup: { path: safetyBackup } };
}
