/** Which versions of K3s and etcd may take up what an archive holds. */
import { OperatorError } from "../errors.ts";
import { embeddedEtcd } from "../k3s/embedded-etcd.ts";
import { compareVersions, k3sVersion } from "../k3s/version.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context, Warning } from "./context.ts";

interface Versions {
  readonly manifest: Manifest;
  readonly settings: Settings;
  readonly force: boolean;
}

/**
 * Compares the K3s and the etcd of this host with those of the archive. Throws an
 * OperatorError (exit refused) `K3S_OLDER` or `ETCD_OLDER` unless forced; returns what
 * is allowed but should be known.
 */
export async function checkVersions(context: Context, versions: Versions): Promise<Warning[]> {
  const { settings } = versions;
  const version = await k3sVersion(context.host, settings.k3s, {
    advice: `install K3s ${versions.manifest.k3s.version}, as in the backup, without starting it (INSTALL_K3S_SKIP_START=true), then run this again`,
  });
  const warnings = checkK3s(version, versions);
  if (versions.manifest.datastore.kind !== "etcd") return warnings;
  const here = await embeddedEtcd(context.host, settings, version);
  return [...warnings, ...checkEtcd(here, versions)];
}

function checkK3s(version: string, { manifest, force }: Versions): Warning[] {
  const backup = manifest.k3s.version;
  const order = compareVersions(version, backup);
  if (order === 0) return [];
  const minors = minorOf(version) - minorOf(backup);
  if (order > 0) {
    const jump =
      minors > 1 ? `, ${minors} Kubernetes minors on; Kubernetes is upgraded one at a time` : "";
    const message = `this host has K3s ${version}, the backup is of ${backup}${jump}`;
    return [{ code: "K3S_NEWER", message }];
  }
  const down = minors < 0 ? "; Kubernetes cannot read what a newer minor may have stored" : "";
  const message = `this host has K3s ${version}, older than the ${backup} of the backup${down}`;
  if (force) return [{ code: "K3S_OLDER", message }];
  throw new OperatorError("refused", "K3S_OLDER", message, {
    hint: `install K3s ${backup} or newer; an older one may not read the data (--force tries it all the same)`,
  });
}

/** etcd 3.6 and later refuse a database of a later minor when they start on it (k3s.md 2.6). */
export function checkEtcd(
  here: { readonly minor: string; readonly source: string } | undefined,
  { manifest, force }: Pick<Versions, "manifest" | "force">,
): Warning[] {
  const stamp = manifest.datastore.storageVersion ?? manifest.k3s.etcd;
  if (here === undefined || stamp === undefined) return [];
  if (compareVersions(`${here.minor}.0`, stamp.replace(/^(\d+\.\d+)\b.*/, "$1.0")) >= 0) return [];
  const message = `the snapshot was stored by etcd ${stamp}, and the etcd of this host's K3s is ${here.minor} (${here.source}), which does not read it`;
  if (force) return [{ code: "ETCD_OLDER", message }];
  throw new OperatorError("refused", "ETCD_OLDER", message, {
    hint: `install K3s ${manifest.k3s.version} or newer (--force tries it all the same)`,
  });
}

/** What a cluster here says of its etcd, where the program does not tell: no proof, since the program may have been changed since. */
export function etcdDoubt(etcd: string | undefined, manifest: Manifest): Warning[] {
  const stamp = manifest.datastore.storageVersion;
  if (etcd === undefined || stamp === undefined || compareVersions(etcd, stamp) >= 0) return [];
  const message = `the snapshot was stored by etcd ${stamp}, the cluster here by ${etcd}: a K3s with that etcd does not read it`;
  return [{ code: "ETCD_DOUBT", message }];
}

function minorOf(version: string): number {
  return Number(/^v?\d+\.(\d+)\./.exec(version)?.[1] ?? 0);
}
