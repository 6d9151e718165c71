/** Whether this host may be restored from this archive. */
import { caHash } from "../datastore/bootstrap.ts";
import { OperatorError } from "../errors.ts";
import { readSettings } from "../k3s/settings.ts";
import { existingPart, freeBytes, readTextIfPresent } from "../sys/files.ts";
import { sizeText } from "../words.ts";
import { checkVersions } from "./version-rules.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Context, Warning } from "./context.ts";
import type { RestoreOptions } from "./restore.ts";

interface Target {
  readonly manifest: Manifest;
  readonly options: Pick<RestoreOptions, "dataDir" | "force">;
}

/**
 * Checks the rules that protect a host from the wrong archive. Throws an
 * OperatorError; returns what is allowed but should be known.
 */
export async function checkTarget(context: Context, target: Target): Promise<Warning[]> {
  const { manifest, options } = target;
  requireDataDir(target);
  await requireSameCluster(target);
  await requireRoom(manifest);
  const settings = await readSettings({ dataDir: manifest.host.dataDir });
  return [
    ...(await checkVersions(context, { manifest, settings, force: options.force })),
    ...clockBehind(context, manifest),
  ];
}

function requireDataDir({ manifest, options }: Target): void {
  if (options.dataDir === undefined || options.dataDir === manifest.host.dataDir) return;
  throw new OperatorError(
    "usage",
    "DATA_DIR_DIFFERS",
    `the archive's configuration keeps K3s's data in ${manifest.host.dataDir}, not in ${options.dataDir}`,
    {
      hint: "leave --data-dir out: K3s would start with the archive's configuration",
    },
  );
}

async function requireSameCluster({ manifest, options }: Target): Promise<void> {
  const path = `${manifest.host.dataDir}/server/tls/server-ca.crt`;
  const authority = await readTextIfPresent(path);
  if (authority === undefined || options.force || caHash(authority) === manifest.cluster.id) return;
  throw new OperatorError(
    "refused",
    "OTHER_CLUSTER",
    `this host belongs to another cluster (CA ${caHash(authority).slice(0, 8)}, archive ${manifest.cluster.id.slice(0, 8)})`,
    {
      hint: "if this is the empty cluster that K3s made at its first start, or it is to become the archive's all the same: --force (today's data is moved aside, nothing is deleted); INSTALL_K3S_SKIP_START=true installs K3s without that start",
    },
  );
}

/** Bytes that a restore takes on the disk of K3s's database: etcd unpacks the snapshot beside the data that is kept (k3s.md 2.1). */
export function roomForRestore(kind: "etcd" | "sqlite", size: number): number {
  // Two write-ahead log files of 64 MB; SQLite has one, which grows with what is written.
  return (kind === "etcd" ? 3 : 2) * size + 128 * 1024 * 1024;
}

/** The same for the archive of this manifest. */
export function roomFor({ entries, datastore }: Manifest): number {
  const size = entries.find(({ path }) => path === datastore.entry)?.size ?? 0;
  return roomForRestore(datastore.kind, size);
}

async function requireRoom(manifest: Manifest): Promise<void> {
  const folder = await existingPart(`${manifest.host.dataDir}/server/db`);
  const needed = roomFor(manifest);
  const free = await freeBytes(folder);
  if (free >= needed) return;
  throw new OperatorError(
    "precondition",
    "NO_ROOM",
    `${folder} has ${sizeText(free)} free, the restore needs about ${sizeText(needed)}`,
    {
      hint: "nothing was changed; free some space, then run this again",
    },
  );
}

/** New hardware without network often has no right time, and certificates of the future are refused. */
function clockBehind(context: Context, manifest: Manifest): Warning[] {
  const now = context.host.now();
  if (now >= new Date(manifest.created)) return [];
  return [
    {
      code: "CLOCK_BEHIND",
      message: `this host's clock says ${now.toISOString()}, which is before the backup was made (${manifest.created})`,
      hint: "set it first (date --set=…): certificates and heartbeats go by it",
    },
  ];
}
