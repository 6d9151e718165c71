/** Whether this host may be restored from this archive. */
import { caHash } from "../datastore/bootstrap.ts";
import { OperatorError } from "../errors.ts";
import { compareVersions, k3sVersion } from "../k3s/version.ts";
import { readSettings } from "../k3s/settings.ts";
import { freeBytes, readTextIfPresent, statOf } from "../sys/files.ts";
import { hostAddresses } from "../sys/network.ts";
import { sizeText } from "../words.ts";
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
  const version = await k3sVersion(context.host, settings.k3s);
  const order = compareVersions(version, manifest.k3s.version);
  if (order < 0 && !options.force) {
    throw new OperatorError(
      "refused",
      "K3S_OLDER",
      `this host has K3s ${version}, older than the ${manifest.k3s.version} of the backup`,
      {
        hint: `install K3s ${manifest.k3s.version} or newer; an older one may not read the data (--force tries it all the same)`,
      },
    );
  }
  return [
    ...(order > 0
      ? [
          {
            code: "K3S_NEWER",
            message: `this host has K3s ${version}, the backup is of ${manifest.k3s.version}`,
          },
        ]
      : []),
    ...clockBehind(context, manifest),
    ...otherHost(context, manifest),
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
      hint: "if it is to become the archive's cluster all the same: --force (today's data is kept aside)",
    },
  );
}

/** etcd unpacks the snapshot beside the data that is kept (k3s.md 2.1). */
async function requireRoom(manifest: Manifest): Promise<void> {
  const size = manifest.entries.find(({ path }) => path === manifest.datastore.entry)?.size ?? 0;
  let folder = `${manifest.host.dataDir}/server/db`;
  while ((await statOf(folder)) === undefined && folder !== "/")
    folder = folder.slice(0, folder.lastIndexOf("/")) || "/";
  // Two write-ahead log files of 64 MB; SQLite has one, which grows with what is written.
  const needed = (manifest.datastore.kind === "etcd" ? 3 : 2) * size + 128 * 1024 * 1024;
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

function otherHost(context: Context, manifest: Manifest): Warning[] {
  const now = hostAddresses();
  const gone = manifest.host.addresses.filter((address) => !now.includes(address));
  const warnings: Warning[] = [];
  if (context.host.hostname !== manifest.host.hostname) {
    warnings.push({
      code: "OTHER_HOST",
      message: `the archive is of host ${manifest.host.hostname}, this is ${context.host.hostname}`,
      hint: `the old Node object stays until you delete it: k3s kubectl delete node ${manifest.host.nodeName}`,
    });
  }
  if (gone.length > 0) {
    warnings.push({
      code: "OTHER_ADDRESS",
      message: `this host has no longer ${gone.join(", ")}`,
      hint: "if node-ip, tls-san or advertise-address in the archive's configuration name it, edit them after the restore",
    });
  }
  return warnings;
}
