/** `restore`: prove, plan, ask, journal, act, check; undo on failure. */
import { LOCK_FILE } from "./places.ts";
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
import { checkTarget } from "./restore-target.ts";
import { describePlan } from "./restore-words.ts";
import { keptFolders, planRestore } from "./restore-plan.ts";
import { rollBack } from "./restore-rollback.ts";
import { lossLines, lossSince } from "./loss.ts";
import { readSettings } from "../k3s/settings.ts";
import { stageForRestore, stagedInput } from "./restore-stage.ts";
import { joinRestored } from "./join-restored.ts";
import { joinStepsLeft } from "./join-steps.ts";
import { otherServers, stepsElsewhere } from "./restore-others.ts";
import { writeBallast } from "./restore-traces.ts";
import type { Context, Warning } from "./context.ts";
import type { Journal, JournalState, RestorePlan } from "./journal.ts";
import type { RestoreStage } from "./restore-stage.ts";
import type { BoundStep, StepResult } from "./restore-act.ts";
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
  /** What is left to do on other machines, in order. */
  readonly next: readonly string[];
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
  if (unfinished !== undefined) throw restoreUnfinished(unfinished);
  if (options.peer !== undefined)
    return await joinRestored(context, { ...options, url: options.peer });
  await using stage = await stageForRestore(context, options);
  const { manifest } = stage.proof;
  const warnings = await checkTarget(context, { manifest, options });
  for (const warning of warnings) context.talk({ type: "warning", ...warning });
  const dataDir = options.dataDir ?? manifest.host.dataDir;
  const settings = await readSettings({ dataDir });
  const others = await otherServers(context, { proof: stage.proof, settings, options });
  const plan = await planRestore(context, {
    archive: stage.path,
    manifest,
    dataDir,
    keep: options.keep,
    peers: others.peers,
    forced: options.force,
  });
  const loss = await lossSince(context, { proof: stage.proof, settings });
  const sentences = [
    ...describePlan(plan, manifest, context.host.now()),
    ...others.lines,
    ...lossLines(loss),
  ];
  for (const text of sentences) context.talk({ type: "note", text });
  const result = { archive: stage.path, plan: sentences, kept: keptPlaces(plan), warnings };
  if (options.plan) return { ...result, outcome: "planned", steps: [], next: others.next };
  await consent(context, { yes: options.yes, clusterName: manifest.cluster.name });
  await others.again();
  const { input, journal: opened } = await begin(context, plan, stage);
  await using journal = opened;
  const steps = await act(context, { plan, journal, steps: stepsFor(RESTORE_STEPS, input) });
  return { ...result, outcome: "restored", steps, next: await stepsElsewhere(context, input) };
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
    next: [],
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
  if (plan.join !== undefined) {
    const steps = await act(context, { plan, journal, steps: joinStepsLeft(context, unfinished) });
    return { ...result, outcome: "joined", steps };
  }
  const left = await stepsLeft(context, unfinished);
  const steps = await act(context, { plan, journal, steps: left });
  return { ...result, outcome: "restored", steps, next: await stepsElsewhere(context, { plan }) };
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
