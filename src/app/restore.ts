/** `restore`: prove, plan, ask, journal, act, check; undo on failure. */
import { LOCK_FILE } from "./places.ts";
import { OperatorError } from "../errors.ts";
import { removeFile, removeFolder } from "../sys/remove.ts";
import { THIS_PROCESS } from "../sys/this-process.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { requireRoot } from "./preflight.ts";
import { takeLock } from "../sys/lock.ts";
import { JOURNAL, openJournal, readJournal } from "./journal.ts";
import { RESTORE_STEPS } from "./restore-steps.ts";
import { restoreUnfinished } from "./restore-unfinished.ts";
import { act, stepsFor } from "./restore-act.ts";
import { requireFit } from "./fit-words.ts";
import { keptPlaces } from "./restore-plan.ts";
import { goOnRestoring, toRestart } from "./restore-resume.ts";
import { outlookOn } from "./restore-outlook.ts";
import { stageForRestore, stagedInput } from "./restore-stage.ts";
import { joinRestored } from "./join-restored.ts";
import { stepsOnPeers } from "./restore-others.ts";
import { writeBallast } from "./restore-traces.ts";
import type { Context, Warning } from "./context.ts";
import type { Journal, RestorePlan } from "./journal.ts";
import type { RestartElsewhere } from "./restart-elsewhere.ts";
import type { RestoreStage } from "./restore-stage.ts";
import type { FitOptions, HostFit } from "./host-fit.ts";
import type { SafetyBackup } from "./safety-backup.ts";
import type { StepResult } from "./restore-act.ts";
import type { StepInput } from "./restore-steps.ts";

export interface RestoreOptions extends FitOptions {
  /** Path, name or id; undefined: see `Wanted`. */
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
  /** Join the restored server at this URL instead of restoring from an archive. */
  readonly peer?: string | undefined;
}

export interface RestoreResult {
  readonly outcome: "restored" | "planned" | "rolled-back" | "joined";
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
  /** What is left to do on other machines, in order. */
  readonly next: readonly string[];
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
  if (options.rollback || options.resume) return await goOnRestoring(context, options, unfinished);
  if (unfinished !== undefined) throw restoreUnfinished(unfinished);
  if (options.peer !== undefined)
    return await joinRestored(context, { ...options, url: options.peer });
  await using stage = await stageForRestore(context, options);
  const { manifest } = stage.proof;
  await using outlook = await outlookOn(context, stage, options);
  const { plan, fit, others, sentences, warnings } = outlook;
  for (const text of sentences) context.talk({ type: "note", text });
  const result = { archive: stage.path, plan: sentences, kept: keptPlaces(plan), warnings, fit };
  if (options.plan) return { ...result, outcome: "planned", steps: [], next: others.next };
  if (!options.force) requireFit(fit);
  await consent(context, { yes: options.yes, clusterName: manifest.cluster.name });
  await others.again();
  const safetyBackup = await outlook.today.save();
  const saved = safetyBackup.path === null ? plan : { ...plan, safetyBackup: safetyBackup.path };
  const { input, journal: opened } = await begin(context, saved, stage);
  await using journal = opened;
  const steps = await act(context, { plan: saved, journal, steps: stepsFor(RESTORE_STEPS, input) });
  const next = await stepsOnPeers(plan);
  const restart = await toRestart(context, plan);
  return { ...result, outcome: "restored", steps, safetyBackup, next, restart };
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
