/**
 * The bootstrap data: every CA and shared secret of a cluster, kept in the
 * datastore under `/bootstrap/<token hash>`, and how it is brought in line with
 * what lies on disk. The rules are K3s's (pkg/cluster/bootstrap.go), as far as
 * k3s-observed.md 2, 3, 13 and 15 saw them.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { seal, unseal } from "./cipher.ts";
import { fatal, FrontError, log } from "./log.ts";
import type { Paths } from "./paths.ts";
import { parseToken, tokenHash } from "./token.ts";
import type { Store } from "./store.ts";

const DIFFERENT_TOKEN = "bootstrap data already found and encrypted with different token";
/** Seconds by which clocks may differ before a file counts as newer (systemTimeSkew). */
const SKEW = 3;

type BootstrapFiles = Map<string, { readonly timestamp: Date; readonly content: Buffer }>;

function placesOf(paths: Paths, encryption: boolean): Map<string, string> {
  const { tls } = paths;
  return new Map([
    ["ServerCA", `${tls}/server-ca.crt`],
    ["ServerCAKey", `${tls}/server-ca.key`],
    ["ClientCA", `${tls}/client-ca.crt`],
    ["ClientCAKey", `${tls}/client-ca.key`],
    ["RequestHeaderCA", `${tls}/request-header-ca.crt`],
    ["RequestHeaderCAKey", `${tls}/request-header-ca.key`],
    ["ETCDServerCA", `${tls}/etcd/server-ca.crt`],
    ["ETCDServerCAKey", `${tls}/etcd/server-ca.key`],
    ["ETCDPeerCA", `${tls}/etcd/peer-ca.crt`],
    ["ETCDPeerCAKey", `${tls}/etcd/peer-ca.key`],
    ["ServiceKey", `${tls}/service.key`],
    ["PasswdFile", paths.passwd],
    ["IPSECKey", paths.ipsec],
    ...(encryption
      ? ([
          ["EncryptionConfig", paths.encryptionConfig],
          ["EncryptionHash", paths.encryptionState],
        ] as const)
      : []),
  ]);
}

/** The JSON that K3s keeps: each file with its time and its content in base64. */
export function readFromDisk(paths: Paths, encryption: boolean): string {
  const files: Record<string, { Timestamp: string; Content: string }> = {};
  for (const [name, path] of placesOf(paths, encryption)) {
    if (!existsSync(path)) continue;
    files[name] = {
      Timestamp: statSync(path).mtime.toISOString(),
      Content: readFileSync(path).toString("base64"),
    };
  }
  return JSON.stringify(files);
}

/** The bootstrap JSON out of a datastore's pairs; undefined when there is none. Throws on another token. */
export function openBootstrap(
  pairs: readonly { readonly key: string; readonly value: string }[],
  token: string,
): string | undefined {
  if (pairs.length === 0) return undefined;
  const { password } = parseToken(token);
  const own = pairs.find(({ key }) => key === `/bootstrap/${tokenHash(password)}`);
  if (own === undefined) throw new FrontError(DIFFERENT_TOKEN);
  return unseal(password, own.value);
}

/** Puts the disk's bootstrap data into the store unless it is there. Throws on another token. */
export async function saveBootstrap(store: Store, token: string, json: string): Promise<void> {
  log.info("Saving cluster bootstrap data to datastore");
  const { password } = parseToken(token);
  openBootstrap(await store.list(), token);
  const created = await store.create(`/bootstrap/${tokenHash(password)}`, seal(password, json));
  if (!created) log.warning("Bootstrap key already exists");
}

/** Re-encrypts the store's bootstrap data for a new token and drops the old key. */
export async function rotateBootstrap(
  store: Store,
  change: { readonly from: string; readonly to: string; readonly json: string },
): Promise<void> {
  await store.create(`/bootstrap/${tokenHash(change.to)}`, seal(change.to, change.json));
  await store.remove(`/bootstrap/${tokenHash(change.from)}`);
}

/**
 * Brings the disk in line with the store's bootstrap JSON. After a reset the
 * store wins whatever the times say and the old `tls` is kept as
 * `tls-<unix>`; otherwise a file that is newer on disk ends the process.
 */
export function reconcile(
  paths: Paths,
  json: string,
  options: { readonly encryption: boolean; readonly reset: boolean },
): void {
  log.info("Reconciling bootstrap data between datastore and disk");
  const files = parseFiles(json);
  const places = placesOf(paths, options.encryption);
  let update = options.reset;
  const newer: string[] = [];
  for (const [name, { timestamp, content }] of files) {
    const path = places.get(name);
    if (path === undefined) {
      log.warning(`Unable to lookup path to reconcile ${name}`);
      continue;
    }
    if (!existsSync(path)) {
      update = true;
      continue;
    }
    if (content.equals(readFileSync(path))) continue;
    const ahead = (statSync(path).mtimeMs - timestamp.getTime()) / 1000;
    if (ahead >= SKEW) newer.push(path);
    else update = true;
  }
  if (options.reset) backUpCertificates(paths);
  else if (newer.length > 0) {
    fatal(
      `${newer.join(", ")} newer than datastore and could cause a cluster outage. Remove the file(s) from disk and restart to be recreated from datastore.`,
    );
  }
  if (update) writeToDisk(files, places);
}

/** Writes bootstrap JSON that came from another server of the cluster. */
export function writeBootstrap(paths: Paths, json: string, encryption: boolean): void {
  writeToDisk(parseFiles(json), placesOf(paths, encryption));
}

function backUpCertificates(paths: Paths): void {
  const backup = `${paths.tls}-${Math.floor(Date.now() / 1000)}`;
  log.info(`Cluster reset: backing up certificates directory to ${backup}`);
  if (existsSync(paths.tls))
    cpSync(paths.tls, backup, { recursive: true, preserveTimestamps: true });
}

function writeToDisk(files: BootstrapFiles, places: ReadonlyMap<string, string>): void {
  log.warning("Updating bootstrap data on disk from datastore");
  for (const [name, { timestamp, content }] of files) {
    const path = places.get(name);
    if (path === undefined) continue;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, content, { mode: path.endsWith(".crt") ? 0o644 : 0o600 });
    utimesSync(path, timestamp, timestamp);
  }
}

function parseFiles(json: string): BootstrapFiles {
  const parsed: unknown = JSON.parse(json);
  const files: BootstrapFiles = new Map();
  if (parsed === null || typeof parsed !== "object") return files;
  for (const [name, value] of Object.entries(parsed) as [string, unknown][]) {
    if (value === null || typeof value !== "object") continue;
    if (!("Timestamp" in value) || !("Content" in value)) continue;
    files.set(name, {
      timestamp: new Date(String(value.Timestamp)),
      content: Buffer.from(String(value.Content), "base64"),
    });
  }
  return files;
}
