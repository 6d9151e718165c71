/**
 * What is on this host before a restore: read once, compared with the archive for the
 * plan, and saved as an archive of its own when the restore goes ahead.
 */
import { OperatorError } from "../errors.ts";
import { detectDatastore } from "../k3s/datastore-kind.ts";
import { chooseStageParent } from "../sys/stage-file.ts";
import { createStage } from "../sys/stage.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { deadlineFor } from "./deadline.ts";
import { openLiveDatastore } from "./live-datastore.ts";
import { labelled, lossBetween, lossLines, unknownLossLines } from "./loss.ts";
import { STATE_FOLDER } from "./places.ts";
import { planSafetyBackup, safetyPlanText, writeSafetyBackup } from "./safety-backup.ts";
import type { FoundIdentities } from "../keys/found.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { Loss } from "./loss.ts";
import type { Proof } from "./proof.ts";
import type { Given } from "./type-again.ts";
import type { SafetyBackup } from "./safety-backup.ts";

/** A cluster that hangs must not hold up its own restore. */
const LIMIT = 5 * 60_000;

export interface TodayOptions extends Given {
  /** Of the archive, laid out in a stage (`ProofOptions.into`). */
  readonly proof: Proof;
  /** Of the K3s on this host as it is now, not as the archive has it. */
  readonly settings: Settings;
  readonly keys: FoundIdentities;
  readonly directory: string;
  readonly workingDirectory: string;
}

export interface Today extends AsyncDisposable {
  readonly loss: Loss;
  /** For the plan: what would be lost, and the safety backup. */
  readonly lines: readonly string[];
  /** etcd's version in a cluster that runs or lies here, e.g. `3.6.0`. */
  readonly etcd: string | undefined;
  /** Writes the safety backup, then removes what was saved for it. Says what it did; throws for a signal or a bug. */
  save(): Promise<SafetyBackup>;
}

/**
 * Call as root, holding the lock, after the archive was proven and before anything is
 * changed; it wipes nobody's stage. What cannot be read is no error: the lines say why.
 * Throws only when a signal came, or for a bug. Dispose before K3s is stopped.
 */
export async function lookAtToday(context: Context, options: TodayOptions): Promise<Today> {
  const late = unknown("the cluster here did not give its data in time");
  using deadline = deadlineFor(context, LIMIT, late);
  const { host } = context;
  await using cleanup = new AsyncDisposableStack();
  const created = host.now();
  const found = await detectDatastore(options.settings);
  if (found.kind === "none") return nothingHere(found.reason);
  try {
    // Not makeStage(): it would wipe the stage that the restore has laid out.
    const stage = cleanup.use(await createStage(await chooseStageParent(0, STATE_FOLDER)));
    const { settings, proof } = options;
    const live = cleanup.use(await openLiveDatastore(deadline.context, settings, stage));
    const loss = await lossOf(context, () => lossBetween(deadline.context, proof, live));
    const input = { ...options, manifest: proof.manifest, live, stage, created };
    const plan = await planSafetyBackup(context, input);
    const held = cleanup.move();
    return {
      loss,
      lines: [
        ...lossLines(loss, { archive: proof.path, given: options }),
        ...labelled("safety backup", [safetyPlanText(plan)]),
      ],
      etcd: live.saved.kind === "etcd" ? live.saved.facts.clusterVersion : undefined,
      async save() {
        const result = await writeSafetyBackup(context, input, plan);
        await held.disposeAsync();
        sayWhenMissing(context, result);
        return result;
      },
      [Symbol.asyncDispose]: () => held.disposeAsync(),
    };
  } catch (cause) {
    host.signal.throwIfAborted();
    return unread(context, reasonOf(cause));
  }
}

async function lossOf(context: Context, compare: () => Promise<Loss>): Promise<Loss> {
  try {
    return await compare();
  } catch (cause) {
    context.host.signal.throwIfAborted();
    return { known: false, reason: reasonOf(cause) };
  }
}

/** Throws what is a bug. */
function reasonOf(cause: unknown): string {
  const error = explainWriteError(cause, "the folder for temporary files");
  if (!(error instanceof OperatorError)) throw error;
  return error.message;
}

/** A new host: there is nothing to lose, and nothing to save. */
function nothingHere(reason: string): Today {
  return withoutData(
    { known: false, reason },
    { text: "none: there is nothing to save", save: () => ({ path: null, reason }) },
  );
}

function unread(context: Context, reason: string): Today {
  return withoutData(
    { known: false, reason },
    {
      text: safetyPlanText({ reason: "for the same reason" }),
      save() {
        const result: SafetyBackup = { path: null, reason };
        sayWhenMissing(context, result);
        return result;
      },
    },
  );
}

function withoutData(
  loss: Extract<Loss, { known: false }>,
  safety: { readonly text: string; readonly save: () => SafetyBackup },
): Today {
  return {
    loss,
    lines: [...unknownLossLines(loss), ...labelled("safety backup", [safety.text])],
    etcd: undefined,
    save: () => Promise.resolve(safety.save()),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function sayWhenMissing(context: Context, result: SafetyBackup): void {
  if (result.path !== null) return;
  context.talk({
    type: "warning",
    code: "NO_SAFETY_BACKUP",
    message: `what is here now was not saved as an archive of its own: ${result.reason}`,
    hint: `it is kept: the data beside its place (server/before-…), replaced configuration and units in ${STATE_FOLDER}/restore-…/before; it goes back on its own if the restore fails`,
  });
}

function unknown(reason: string): OperatorError {
  return new OperatorError("precondition", "LOSS_UNKNOWN", reason);
}
