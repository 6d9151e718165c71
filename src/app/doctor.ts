/** `doctor`: what is wrong on this host, what may go, and is it ready for the next backup and restore. Changes nothing. */
import { readSettings } from "../k3s/settings.ts";
import { detectDatastore } from "../k3s/datastore-kind.ts";
import { readServerFolder } from "../k3s/server-folder.ts";
import { lockHolder } from "../sys/lock.ts";
import { attemptChecks } from "./attempt-checks.ts";
import { archiveChecks, archivesIn, clockCheck, leftoverCheck } from "./doctor-archives.ts";
import { fail, guarded, ok, warn } from "./doctor-check.ts";
import { hostChecks } from "./doctor-host.ts";
import { keyChecks } from "./doctor-keys.ts";
import { START_IT, restoreChecks, serviceCheck } from "./doctor-restore.ts";
import { newestFor } from "./own-archives.ts";
import { LOCK_FILE } from "./places.ts";
import { listRemovable } from "./removable.ts";
import type { Trace } from "./attempt-facts.ts";
import type { Context } from "./context.ts";
import type { DoctorCheck } from "./doctor-check.ts";
import type { RestoreLook } from "./doctor-restore.ts";
import type { Removable } from "./removable.ts";
import type { FoundArchive } from "./archives.ts";
import type { ExitName } from "../errors.ts";
import type { Settings } from "../k3s/settings.ts";

export interface DoctorOptions {
  readonly directory: string;
  readonly dataDir: string | undefined;
  readonly recipients: readonly string[];
  readonly recipientFiles: readonly string[];
  readonly identityFiles: readonly string[];
  readonly sopsConfig: string | undefined;
  readonly writeOnly: boolean;
  /** Where `.sops.yaml` is looked for, upwards. */
  readonly workingDirectory: string;
}

export interface DoctorResult {
  /** In the order of how much depends on them. */
  readonly checks: readonly DoctorCheck[];
  readonly removable: readonly Removable[];
  /** Of the first check that failed, which is the one to mend first; ok when none did. */
  readonly exit: ExitName;
}

/** Looks at everything; what cannot be looked at is a failed check of its own. Throws only when a signal came, or for a bug. */
export async function doctor(context: Context, options: DoctorOptions): Promise<DoctorResult> {
  if (context.host.uid !== 0) {
    const text = "doctor needs root: what it looks at is closed to everyone else";
    return resultOf([fail("host.root", text, { hint: "run this as root" })], []);
  }
  context.talk({ type: "step", text: "looking at this host" });
  const holder = await lockHolder(LOCK_FILE);
  const look = await restoreChecks(holder);
  const archives = await archivesIn(options.directory);
  const { found, settings } = await readable(context, options);
  const checks: DoctorCheck[] = [...look.checks, ...found];
  let removable: readonly Removable[] = [];
  if (settings !== undefined) {
    const k3s = await k3sChecks(context, { options, settings, look, archives });
    checks.push(...k3s.checks);
    removable = k3s.removable;
  }
  const newest = newestFor(archives, context.host.hostname);
  checks.push(
    ...(await keyChecks(context, options, newest)),
    ...(await archiveChecks(context, options.directory, archives)),
    ...(settings === undefined ? [] : [await clockCheck(context.host, settings, newest)]),
    await leftoverCheck(options.directory, settings, {
      atWork: holder !== undefined,
      keep: look.journal?.plan.folder,
    }),
    holder === undefined
      ? ok("host.lock", "no other run is active")
      : warn("host.lock", `another run is active (${holder})`, "wait until it has ended"),
  );
  return resultOf(checks, removable);
}

async function readable(
  { host }: Context,
  options: DoctorOptions,
): Promise<{ readonly found: readonly DoctorCheck[]; readonly settings: Settings | undefined }> {
  let settings: Settings | undefined;
  const found = await guarded(host, "k3s.configuration", async () => {
    settings = await readSettings({ dataDir: options.dataDir });
    return [];
  });
  return { found, settings };
}

interface K3sInput {
  readonly options: DoctorOptions;
  readonly settings: Settings;
  readonly look: RestoreLook;
  readonly archives: readonly FoundArchive[];
}

/** K3s, its data, and what was moved aside of it. During a restore of ours its half-done data is ours to explain, not an attempt by hand. */
async function k3sChecks(
  context: Context,
  { options, settings, look, archives }: K3sInput,
): Promise<{ readonly checks: readonly DoctorCheck[]; readonly removable: readonly Removable[] }> {
  const { host } = context;
  const isOpen = look.journal !== undefined || look.damaged;
  const datastore = await detectDatastore(settings);
  const isNew = datastore.kind === "none" && datastore.isNew;
  const service = await serviceCheck(host, {
    hasUnit: settings.unit !== undefined,
    isHeld: isOpen,
    isNew,
  });
  let current: Trace | undefined;
  const attempt = isOpen
    ? []
    : await guarded(host, "attempt", async () => {
        const found = await attemptChecks(host, settings, {
          running: service.running,
          hasArchive: archives.length > 0,
        });
        current = found.current;
        return found.checks;
      });
  const inDoubt = isOpen || attempt.some(({ outcome }) => outcome === "fail");
  const isSettled = !isOpen && attempt.every(({ outcome }) => outcome === "ok");
  const ready = await hostChecks(host, {
    settings,
    directory: options.directory,
    tokenHashes: current?.tokenHashes,
    inDoubt,
    isNew: isNew && !service.running,
  });
  const removable = await listRemovable({
    folder: await readServerFolder(settings.dataDir),
    inDoubt: !isSettled,
    unfinished: look.journal?.plan,
    journalDamaged: look.damaged,
  });
  // What stands above says what to do first; a start now could make an empty cluster.
  const check =
    inDoubt && service.check.hint === START_IT
      ? { ...service.check, hint: "do not start it before what stands above is mended" }
      : service.check;
  return { checks: [...attempt, check, ...ready], removable };
}

function resultOf(checks: readonly DoctorCheck[], removable: readonly Removable[]): DoctorResult {
  const first = checks.find(({ outcome }) => outcome === "fail");
  return { checks, removable, exit: first === undefined ? "ok" : (first.exit ?? "precondition") };
}
