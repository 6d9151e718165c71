/** The safety backup: what is here now becomes an archive of its own before a restore changes anything. */
import { ARCHIVE_FOLDER, BEFORE_RESTORE } from "./places.ts";
import { OperatorError } from "../errors.ts";
import { k3sVersion } from "../k3s/version.ts";
import { proveOpens } from "../keys/prove.ts";
import { resolveRecipients } from "../keys/recipients.ts";
import { prepareArchiveFolder } from "../sys/archive-folder.ts";
import { existingPart, freeBytes, statOf } from "../sys/files.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { count, sizeText } from "../words.ts";
import { deadlineFor } from "./deadline.ts";
import { makeArchive } from "./make-archive.ts";
import { isReady } from "../k3s/ready.ts";
import { roomFor } from "./restore-target.ts";
import { wipeStaleArchives } from "./stale-archives.ts";
import { shellWord } from "./shell-quote.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { FoundIdentities } from "../keys/found.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Stage } from "../sys/stage.ts";
import type { Context, Warning } from "./context.ts";
import type { LiveDatastore } from "./live-datastore.ts";

/** An API server that hangs must not hold up the restore that is to mend it. */
const LIMIT = 10 * 60_000;
const LEFT_FREE = 64 * 1024 * 1024;

export interface SafetyInput {
  /** Of the archive that is going to be restored. */
  readonly manifest: Manifest;
  readonly keys: FoundIdentities;
  /** The archive folder of this run. */
  readonly directory: string;
  readonly workingDirectory: string;
  readonly settings: Settings;
  readonly live: LiveDatastore;
  readonly stage: Stage;
  /** When the datastore was saved. */
  readonly created: Date;
}

export type SafetyPlan =
  | { readonly folder: string; readonly recipients: readonly string[]; readonly version: string }
  /** Why there will be none: a clause for a sentence. */
  | { readonly reason: string };

export type SafetyBackup =
  | { readonly path: string }
  | { readonly path: null; readonly reason: string };

/** Where it will be and for whom, without writing anything. Throws nothing but bugs and signals. */
export async function planSafetyBackup(context: Context, input: SafetyInput): Promise<SafetyPlan> {
  try {
    const folder = await folderFor(input.directory);
    await requireRoom(folder, input);
    const version = await k3sVersion(context.host, input.settings.k3s);
    return { folder, version, recipients: await recipientsFor(context, input) };
  } catch (error) {
    context.host.signal.throwIfAborted();
    if (!(error instanceof OperatorError)) throw error;
    return { reason: error.message };
  }
}

/** Writes it as `backup` would. A failure is an answer, not an error: the restore moves everything aside anyway. */
export async function writeSafetyBackup(
  context: Context,
  input: SafetyInput,
  plan: SafetyPlan,
): Promise<SafetyBackup> {
  if ("reason" in plan) return { path: null, reason: plan.reason };
  const late = new OperatorError("precondition", "TOO_LATE", "it was not finished in time");
  using deadline = deadlineFor(context, LIMIT, late);
  const { folder, recipients, version } = plan;
  const { settings, live, stage, created, keys, manifest } = input;
  context.talk({ type: "step", text: "saving what is here now" });
  try {
    await prepareArchiveFolder(folder, { create: true });
    await wipeStaleArchives(context, folder);
    const api = await isReady(deadline.context.host, settings);
    const made = await makeArchive(deadline.context, {
      settings,
      version,
      created,
      snapshot: live.saved,
      stage,
      directory: folder,
      output: undefined,
      clusterName: live.clusterId === manifest.cluster.id ? manifest.cluster.name : undefined,
      recipients,
      identities: keys,
      api,
      onGap: (gap) => isHelm(gap) || context.talk({ type: "warning", ...gap }),
    });
    // Each with advice that is of no use now.
    const missing =
      !api || made.gaps.some(isHelm)
        ? "; helm's values are in its database alone, not as files: the API server did not give them"
        : "";
    context.talk({ type: "done", text: `what is here now is saved in ${made.path}${missing}` });
    return { path: made.path };
  } catch (error) {
    context.host.signal.throwIfAborted();
    const known = explainWriteError(error, folder);
    if (!(known instanceof OperatorError)) throw error;
    return { path: null, reason: known.message };
  }
}

function isHelm({ code }: Warning): boolean {
  return code.startsWith("HELM");
}

/** The archive folder that is in use here, unless it can take none (a stick that is read-only): then the default one. */
async function folderFor(directory: string): Promise<string> {
  let failure: unknown;
  for (const folder of new Set([directory, ARCHIVE_FOLDER])) {
    try {
      const missing = (await statOf(folder)) === undefined;
      if (!missing || folder !== ARCHIVE_FOLDER) {
        await prepareArchiveFolder(folder, { create: false });
      }
      return `${folder}/${BEFORE_RESTORE}`;
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

/** The restore itself comes first: on one disk there must be room for both. */
async function requireRoom(folder: string, input: SafetyInput): Promise<void> {
  const [here, data] = [
    await existingPart(folder),
    await existingPart(`${input.settings.dataDir}/server/db`),
  ];
  const [one, other] = [await statOf(here), await statOf(data)];
  const restore = one?.dev === other?.dev ? roomFor(input.manifest) : 0;
  const needed = input.live.saved.saved.size + LEFT_FREE + restore;
  const free = await freeBytes(here);
  if (free >= needed) return;
  const both = restore === 0 ? "it needs" : "with the restore itself it needs";
  throw new OperatorError(
    "precondition",
    "NO_ROOM",
    `${here} has ${sizeText(free)} free, and ${both} about ${sizeText(needed)}`,
  );
}

/**
 * Those of the archive, who are to have the cluster anyway, and those that a backup
 * on this host would be for. When the two cannot be in one file, or this host names
 * nobody it could encrypt to, the archive's alone.
 */
async function recipientsFor(context: Context, input: SafetyInput): Promise<readonly string[]> {
  const { manifest, keys: identities, workingDirectory, directory } = input;
  const { host } = context;
  const target = `${directory}/railiance-cluster.tar.zst.age`;
  const common = { recipientFiles: [], workingDirectory, target, identities };
  const together = async (recipients: readonly string[]): Promise<readonly string[]> => {
    const resolved = await resolveRecipients(host, { ...common, recipients });
    await proveOpens({ recipients: resolved.recipients, identities });
    return resolved.recipients;
  };
  try {
    const here = await resolveRecipients(host, { ...common, recipients: [] });
    return await together([...manifest.recipients, ...here.recipients]);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const text = `the safety backup is for the archive's recipients alone: ${error.message}`;
    context.talk({ type: "note", text });
    return await together(manifest.recipients);
  }
}

/** For the plan, without its label. */
export function safetyPlanText(plan: SafetyPlan): string {
  if ("reason" in plan) return `NONE: ${plan.reason}; today's data is only moved aside`;
  return `written first, to ${plan.folder}, for ${count(plan.recipients.length, "recipient")}; the way back once the restore has ended: railiance-cluster restore ${shellWord(plan.folder)}/FILE`;
}
