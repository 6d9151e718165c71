/** `backup`: collect, check, encrypt, write, read back. */
import { sidecarPath } from "../archive/sidecar.ts";
import { ARCHIVE_FOLDER, LOCK_FILE } from "./places.ts";
import { discoverIdentities } from "../keys/identities.ts";
import { k3sVersion } from "../k3s/version.ts";
import { dirname } from "node:path";
import { prepareArchiveFolder, prepareOutputFile } from "../sys/archive-folder.ts";
import { proveOpens } from "../keys/prove.ts";
import { readSettings } from "../k3s/settings.ts";
import { refuseAttempt } from "./attempt-guard.ts";
import { requireDatastore, requireRoot } from "./preflight.ts";
import { resolveRecipients } from "../keys/recipients.ts";
import { THIS_PROCESS } from "../sys/this-process.ts";
import { readJournal } from "./journal.ts";
import { restoreUnfinished } from "./restore-unfinished.ts";
import { takeLock } from "../sys/lock.ts";
import { makeArchive } from "./make-archive.ts";
import { makeStage } from "./make-stage.ts";
import { keyWarnings } from "./key-problems.ts";
import { saveDatastore } from "./save-datastore.ts";
import { wipeStaleArchives, wipeStaleSafetyBackups } from "./stale-archives.ts";
import { count } from "../words.ts";
import type { Context, Warning } from "./context.ts";
import type { MadeArchive } from "./make-archive.ts";
import type { FoundIdentities } from "../keys/found.ts";
import type { ResolvedRecipients } from "../keys/recipients.ts";

export interface BackupOptions {
  readonly directory: string;
  readonly dataDir: string | undefined;
  readonly recipients: readonly string[];
  readonly recipientFiles: readonly string[];
  readonly identityFiles: readonly string[];
  readonly sopsConfig: string | undefined;
  /** This host can write archives but not open them, on purpose. */
  readonly writeOnly: boolean;
  readonly clusterName: string | undefined;
  /** Write to this file instead of a made-up name in `directory`. */
  readonly output: string | undefined;
  /** Where `.sops.yaml` is looked for, upwards. */
  readonly workingDirectory: string;
}

export interface BackupResult extends MadeArchive {
  readonly recipientSource: string;
  readonly warnings: readonly Warning[];
}

/**
 * Makes one archive. Throws an OperatorError when there is none in the end; then
 * nothing is left behind.
 */
export async function backup(context: Context, options: BackupOptions): Promise<BackupResult> {
  const { host, talk } = context;
  requireRoot(host, "a backup");
  // First of all: while a restore goes on, or was cut off, nothing here is what it seems.
  await using _lock = await takeLock(LOCK_FILE, `backup, pid ${THIS_PROCESS.pid}`);
  const unfinished = await readJournal();
  if (unfinished !== undefined) throw restoreUnfinished(unfinished);
  const settings = await readSettings({ dataDir: options.dataDir });
  const version = await k3sVersion(host, settings.k3s);
  await refuseAttempt(host, settings);
  const datastore = await requireDatastore(settings);
  const stored = datastore.kind === "etcd" ? "embedded etcd" : "SQLite";
  talk({ type: "done", text: `k3s ${version}, ${stored}` });
  await prepareTarget(options);
  const keys = await resolveKeys(context, options);
  await clearTarget(context, options);
  const created = host.now();
  await using stage = await makeStage();
  await using snapshot = await saveDatastore(context, settings, { datastore, stage });
  const made = await makeArchive(context, {
    settings,
    version,
    created,
    snapshot,
    stage,
    directory: options.directory,
    output: options.output,
    clusterName: options.clusterName,
    recipients: keys.resolved.recipients,
    identities: keys.identities,
    api: true,
    onGap: (gap) => talk({ type: "warning", ...gap }),
  });
  return { ...made, recipientSource: keys.resolved.source, warnings: keys.warnings };
}

async function prepareTarget({ output, directory }: BackupOptions): Promise<void> {
  if (output !== undefined) {
    for (const path of [output, sidecarPath(output)]) await prepareOutputFile(path);
  } else await prepareArchiveFolder(directory, { create: directory === ARCHIVE_FOLDER });
}

/** What killed runs left where we are about to write, and where restores save what was here. */
async function clearTarget(context: Context, options: BackupOptions): Promise<void> {
  const { output, directory } = options;
  await wipeStaleArchives(context, output === undefined ? directory : dirname(output));
  await wipeStaleSafetyBackups(context, directory);
}

interface Keys {
  readonly identities: FoundIdentities;
  readonly resolved: ResolvedRecipients;
  readonly warnings: readonly Warning[];
}

/** Who will be able to open it, proven before any data is read. */
async function resolveKeys(context: Context, options: BackupOptions): Promise<Keys> {
  const { host, talk, ask } = context;
  const identities = await discoverIdentities(host, { files: options.identityFiles, ask });
  const resolved = await resolveRecipients(host, {
    recipients: options.recipients,
    recipientFiles: options.recipientFiles,
    ...(options.sopsConfig === undefined ? {} : { sopsConfig: options.sopsConfig }),
    workingDirectory: options.workingDirectory,
    target: options.output ?? `${options.directory}/railiance-cluster.tar.zst.age`,
    identities,
  });
  const { recipients } = resolved;
  const { openedBy } = await proveOpens({ recipients, identities, writeOnly: options.writeOnly });
  const warnings = [...keyWarnings(context, identities), ...resolved.warnings];
  for (const warning of warnings) talk({ type: "warning", ...warning });
  talk({ type: "done", text: `for ${count(recipients.length, "recipient")} (${resolved.source})` });
  // Only those that open it: a key for something else must not be tried on it, nor named in the runbook.
  return { identities: { ...identities, identities: openedBy }, resolved, warnings };
}
