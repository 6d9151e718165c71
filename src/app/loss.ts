/** What a restore would undo: the archive against the cluster that runs here now. */
import { bootstrapFile } from "../datastore/bootstrap.ts";
import { compareObjects } from "../datastore/compare.ts";
import { etcdObjects } from "../datastore/etcd-objects.ts";
import { OperatorError } from "../errors.ts";
import { openFile } from "../sys/files.ts";
import { chooseStageParent } from "../sys/stage-file.ts";
import { createStage } from "../sys/stage.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { count } from "../words.ts";
import { changeLines, churnText, helmText } from "./diff-words.ts";
import { openLiveDatastore } from "./live-datastore.ts";
import { STATE_FOLDER } from "./places.ts";
import type { Comparison } from "../datastore/compare.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { Proof } from "./proof.ts";

const LIMIT = 5 * 60_000;

export interface LossOptions {
  /** Of the archive, laid out in a stage (`ProofOptions.into`). */
  readonly proof: Proof;
  /** Of the K3s on this host as it is now, not as the archive has it. */
  readonly settings: Settings;
  /** Milliseconds for all of it; a cluster that hangs must not hold up its own restore. Default 5 minutes. */
  readonly limit?: number;
}

export type Loss =
  | { readonly known: true; readonly comparison: Comparison }
  /** Why it is not known: a clause for a sentence. */
  | { readonly known: false; readonly reason: string };

/**
 * Saves a snapshot of the live cluster, compares the archive with it and removes
 * it again. The archive is the older side: `created` is what a restore takes away,
 * `deleted` what it brings back. Call as root, holding the lock, after the archive
 * was proven and before anything is changed; it wipes nobody's stage. A cluster
 * that cannot be read (down, SQLite, another cluster, none at all) is no error:
 * the answer says why. Throws only when a signal came, or for a bug.
 */
export async function lossSince(context: Context, options: LossOptions): Promise<Loss> {
  using deadline = deadlineFor(context, options.limit ?? LIMIT);
  try {
    return { known: true, comparison: await compareWithLive(deadline.context, options) };
  } catch (cause) {
    context.host.signal.throwIfAborted();
    const error = explainWriteError(cause, "the folder for temporary files");
    if (!(error instanceof OperatorError)) throw error;
    return { known: false, reason: error.message };
  }
}

/** The same context, ended after some milliseconds as by a signal. */
function deadlineFor(context: Context, limit: number): Disposable & { readonly context: Context } {
  const controller = new AbortController();
  const late = unreadable("the live cluster did not give a snapshot in time");
  const timer = setTimeout(() => controller.abort(late), limit);
  const signal = AbortSignal.any([context.host.signal, controller.signal]);
  return {
    context: { ...context, host: { ...context.host, signal } },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

async function compareWithLive(context: Context, options: LossOptions): Promise<Comparison> {
  const { proof, settings } = options;
  const stored = proof.files.find(({ entry }) => entry.kind === "datastore");
  if (stored === undefined) throw new TypeError("the archive was proven without a stage");
  requireEtcd(proof);
  // Not makeStage(): it would wipe the stage that the restore has laid out.
  await using stage = await createStage(await chooseStageParent(0, STATE_FOLDER));
  await using live = await openLiveDatastore(context, settings, stage);
  if (live.clusterId !== proof.manifest.cluster.id) {
    throw unreadable("another cluster runs here, and all of it would be replaced");
  }
  await using datastore = await openFile(stored.path);
  const { bootstrap } = proof.snapshot;
  const { signal } = context.host;
  return await compareObjects(etcdObjects(datastore, { bootstrap, signal }), live.source);
}

function requireEtcd({ manifest, snapshot }: Proof): void {
  if (manifest.datastore.kind !== "etcd") {
    throw unreadable(`the archive holds a datastore of kind ${manifest.datastore.kind}`);
  }
  if (
    snapshot.bootstrap === undefined ||
    bootstrapFile(snapshot.bootstrap, "ServerCA") === undefined
  )
    throw new TypeError("the archive was proven without its token");
}

function unreadable(reason: string): OperatorError {
  return new OperatorError("precondition", "LOSS_UNKNOWN", reason);
}

const LABEL = "lost since";
const WIDTH = 15;

/** The loss as lines of a restore's plan (describePlan): a label of 15 columns, then what is lost. */
export function lossLines(loss: Loss): string[] {
  const texts = loss.known ? lossTexts(loss.comparison) : [`not known: ${loss.reason}`];
  return texts.map((text, index) => (index === 0 ? LABEL : "").padEnd(WIDTH) + text);
}

function lossTexts(comparison: Comparison): string[] {
  const { helm, unopened } = comparison;
  const back = helm.map((move) => helmText(move, { back: true })).join(", ");
  const churn = churnText(comparison);
  const lines = [
    ...changeLines(comparison, { view: "loss" }),
    ...(helm.length === 0
      ? []
      : [
          `${count(helm.length, "helm release")} ${helm.length === 1 ? "goes" : "go"} back: ${back}`,
        ]),
  ];
  if (lines.length === 0) lines.push("nothing: no object was made, changed or deleted");
  else lines.push("every name: railiance-cluster diff --all");
  if (churn !== undefined) lines.push(`not counted: ${churn}`);
  if (unopened > 0) lines.push(`${count(unopened, "encrypted value")} compared without opening`);
  return lines;
}
