/** What a restore would undo: the archive against what runs, or lies, here now. */
import { compareObjects } from "../datastore/compare.ts";
import { objectsIn } from "../datastore/objects.ts";
import { OperatorError } from "../errors.ts";
import { openFile } from "../sys/files.ts";
import { openSqlite } from "../sys/sqlite.ts";
import { count } from "../words.ts";
import { changeLines, churnText, helmText } from "./diff-words.ts";
import { typeAgain } from "./type-again.ts";
import type { Comparison } from "../datastore/compare.ts";
import type { Context } from "./context.ts";
import type { LiveDatastore } from "./live-datastore.ts";
import type { Proof } from "./proof.ts";
import type { Given } from "./type-again.ts";

export type Loss =
  | { readonly known: true; readonly comparison: Comparison; readonly stopped?: boolean }
  /** Why it is not known: a clause for a sentence. */
  | { readonly known: false; readonly reason: string };

/**
 * Compares an archive, proven and laid out in a stage (`ProofOptions.into`), with the
 * datastore of this host. The archive is the older side: `created` is what a restore
 * takes away, `deleted` what it brings back. Throws what the walks throw, and an
 * OperatorError `LOSS_UNKNOWN` for two different clusters.
 */
export async function lossBetween(
  context: Context,
  proof: Proof,
  live: LiveDatastore,
): Promise<Loss> {
  if (live.clusterId !== proof.manifest.cluster.id) {
    const reason = "another cluster is here, and all of it would be replaced";
    throw new OperatorError("precondition", "LOSS_UNKNOWN", reason);
  }
  const stored = proof.files.find(({ entry }) => entry.kind === "datastore");
  const { bootstrap } = proof.snapshot;
  if (stored === undefined || bootstrap === undefined) {
    throw new TypeError("the archive was proven without a stage, or without its token");
  }
  const { signal } = context.host;
  await using file = await openFile(stored.path);
  using database = proof.manifest.datastore.kind === "sqlite" ? openSqlite(stored.path) : undefined;
  const older = objectsIn({ file, database }, { bootstrap, signal });
  return {
    known: true,
    comparison: await compareObjects(older, live.source),
    stopped: live.stopped,
  };
}

/** What a person needs to compare the same again. */
export interface Compared {
  /** Path of the archive. */
  readonly archive: string;
  readonly given: Given;
}

const LABEL = "lost since";
const WIDTH = 15;

/** The loss as lines of a restore's plan (describePlan): a label of 15 columns, then what is lost. */
export function lossLines(loss: Loss, compared: Compared): string[] {
  return loss.known ? labelled(LABEL, lossTexts(loss, compared)) : unknownLossLines(loss);
}

/** The same of a loss that is not known. */
export function unknownLossLines({ reason }: Extract<Loss, { known: false }>): string[] {
  return labelled(LABEL, [`not known: ${reason}`]);
}

/** Lines of a plan, the first with its label. */
export function labelled(label: string, texts: readonly string[]): string[] {
  return texts.map((text, index) => (index === 0 ? label : "").padEnd(WIDTH) + text);
}

function lossTexts(
  { comparison, stopped }: Extract<Loss, { known: true }>,
  { archive, given }: Compared,
): string[] {
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
  else lines.push(`every name: ${typeAgain(["diff", archive, "--all"], given)}`);
  if (stopped === true) lines.push("K3s is down: compared with what its files hold");
  if (churn !== undefined) lines.push(`not counted: ${churn}`);
  if (unopened > 0) lines.push(`${count(unopened, "encrypted value")} compared without opening`);
  return lines;
}
