/** The archive folder, the newest archive, the clock they go by, and what killed runs left. */
import { TEMP_PREFIX } from "../sys/atomic.ts";
import { prepareArchiveFolder } from "../sys/archive-folder.ts";
import { linkStatOf, namesIn } from "../sys/files.ts";
import { STAGE_PREFIX } from "../sys/stage.ts";
import { count, spanText } from "../words.ts";
import { findArchives } from "./archives.ts";
import { hostsText, madeHere } from "./own-archives.ts";
import { guarded, ok, warn } from "./doctor-check.ts";
import { ARCHIVE_FOLDER, MEMORY_FOLDERS, STATE_FOLDER } from "./places.ts";
import { shellWord } from "./shell-quote.ts";
import type { FoundArchive } from "./archives.ts";
import type { Context } from "./context.ts";
import type { DoctorCheck } from "./doctor-check.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Host } from "../sys/host.ts";

const DAY = 24 * 3600_000;
/** A nightly backup that failed once has been noticed by then. */
const OLD_ARCHIVE = 2 * DAY;
const OLD_PROOF = 31 * DAY;
/** Files of a running cluster are written all the time; clocks of two writers may differ so much. */
const CLOCK_SKEW = 120_000;

/** Newest first; empty when the folder is missing or closed, which a check of its own says. */
export async function archivesIn(directory: string): Promise<readonly FoundArchive[]> {
  try {
    return await findArchives(directory);
  } catch {
    return [];
  }
}

export async function archiveChecks(
  { host }: Context,
  directory: string,
  archives: readonly FoundArchive[],
): Promise<readonly DoctorCheck[]> {
  const [newest] = madeHere(archives, host.hostname);
  const folder = await guarded(host, "archives.folder", async () => {
    const absent = (await linkStatOf(directory)) === undefined;
    if (absent && directory === ARCHIVE_FOLDER) {
      return ok("archives.folder", `${directory} is not there yet; the first backup makes it`);
    }
    await prepareArchiveFolder(directory, { create: false });
    return ok(
      "archives.folder",
      `${directory} is private and can be written to, ${count(archives.length, "archive")}`,
    );
  });
  const first = newest === undefined ? firstCheck(archives) : newestCheck(host, newest);
  return [...folder, first, ...verifiedChecks(host, newest)];
}

/** In a folder that hosts share, the backups of others are none of this host. */
function firstCheck(others: readonly FoundArchive[]): DoctorCheck {
  const text =
    others.length === 0
      ? "there is no archive yet"
      : `there is no archive of this host yet, only of ${hostsText(others)}`;
  return warn("archives.newest", text, "railiance-cluster backup");
}

function newestCheck(host: Host, newest: FoundArchive): DoctorCheck {
  const id = "archives.newest";
  const age = host.now().getTime() - new Date(newest.created).getTime();
  if (age < -CLOCK_SKEW) {
    return warn(
      id,
      `the newest archive ${newest.name} is from the future: it was made ${newest.created}`,
      "is this host's clock right? See: date",
    );
  }
  const text = `the newest archive is ${spanText(age)} old (${newest.name})`;
  if (age <= OLD_ARCHIVE) return ok(id, text);
  return warn(id, text, "railiance-cluster backup; does its timer run? systemctl list-timers");
}

function verifiedChecks(host: Host, newest: FoundArchive | undefined): DoctorCheck[] {
  const id = "archives.verified";
  if (newest === undefined) return [];
  const { sidecar } = newest;
  if (sidecar === undefined) {
    const text = `nothing is known of ${newest.name}: the file beside it is missing or broken`;
    return [warn(id, text, "railiance-cluster verify")];
  }
  if (sidecar.verified === null) {
    return [warn(id, "the newest archive was never verified", "railiance-cluster verify")];
  }
  const { at } = sidecar.verified;
  const age = host.now().getTime() - new Date(at).getTime();
  const text = `the newest archive was verified ${at.slice(0, 10)}`;
  return [age > OLD_PROOF ? warn(id, text, "railiance-cluster verify") : ok(id, text)];
}

/** Certificates, heartbeats and the names of archives go by it. */
export async function clockCheck(
  host: Host,
  settings: Settings,
  newest: FoundArchive | undefined,
): Promise<DoctorCheck> {
  const now = host.now();
  const hint = "set it: date --set=…, or start a time service";
  const db = `${settings.dataDir}/server/db`;
  const writes: (readonly [string, Date])[] = [];
  for (const path of [`${db}/etcd/member/snap/db`, `${db}/state.db`]) {
    const info = await linkStatOf(path);
    if (info !== undefined) writes.push([`${path} was written to`, info.mtime]);
  }
  if (newest !== undefined) writes.push(["the newest archive was made", new Date(newest.created)]);
  for (const [what, time] of writes) {
    if (time.getTime() <= now.getTime() + CLOCK_SKEW) continue;
    const text = `this host's clock says ${now.toISOString()}, and ${what} after that (${time.toISOString()})`;
    return warn("host.clock", text, hint);
  }
  return ok(
    "host.clock",
    `the clock fits what was written on this host (${now.toISOString().slice(0, 16)}Z)`,
  );
}

/** What killed runs left; it may be plaintext. `keep`: folder of an unfinished restore, which needs its own. */
export async function leftoverCheck(
  directory: string,
  settings: Settings | undefined,
  state: { readonly atWork: boolean; readonly keep: string | undefined },
): Promise<DoctorCheck> {
  const id = "host.leftovers";
  if (state.atWork) return ok(id, "another run is at work: what it needs is not left over");
  const wiped: string[] = [];
  const mine = [...MEMORY_FOLDERS, STATE_FOLDER];
  for (const folder of mine) wiped.push(...(await below(folder, [STAGE_PREFIX])));
  for (const folder of [STATE_FOLDER, directory])
    wiped.push(...(await below(folder, [TEMP_PREFIX])));
  for (const name of await namesIn(STATE_FOLDER)) {
    const path = `${STATE_FOLDER}/${name}`;
    if (!name.startsWith("restore-") || path === state.keep) continue;
    if ((await linkStatOf(`${path}/archive`)) !== undefined) wiped.push(`${path}/archive`);
  }
  const stray: string[] = [];
  if (settings !== undefined && state.keep === undefined) {
    const { dataDir, configPath } = settings;
    const config = configPath.slice(0, configPath.lastIndexOf("/"));
    for (const folder of [config, `${dataDir}/server`, `${dataDir}/server/db`]) {
      stray.push(...(await below(folder, [TEMP_PREFIX])));
    }
  }
  if (wiped.length + stray.length === 0) return ok(id, "no run that was cut off has left files");
  const text = `a run that was cut off has left ${[...wiped, ...stray].join(", ")}, which may hold secrets in the clear`;
  const remove = stray.length === 0 ? [] : [`rm -- ${stray.map(shellWord).join(" ")}`];
  const wipe = wiped.length === 0 ? [] : ["the next backup wipes it: railiance-cluster backup"];
  return warn(id, text, [...wipe, ...remove].join("; "));
}

async function below(folder: string, prefixes: readonly string[]): Promise<string[]> {
  const names = await namesIn(folder);
  return names
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
    .map((name) => `${folder}/${name}`);
}
