/** The embedded etcd: its configuration file, start, membership, reset and restore. */
import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dieAtResetStep } from "./faults.ts";
import { FrontError, log } from "./log.ts";
import { runPart, startPart } from "./parts.ts";
import type { Settings } from "./settings.ts";

/** True when `db/etcd` is a database: K3s asks for the folder of the write-ahead log and nothing else (8). */
export function isInitialized(settings: Settings): boolean {
  return (
    statSync(`${settings.paths.etcd}/member/wal`, { throwIfNoEntry: false })?.isDirectory() ?? false
  );
}

export interface EtcdStart {
  /** `name=peer-url,…` of all members; empty for an existing database. */
  readonly cluster?: string;
  readonly state?: "new" | "existing";
  /** Forces a cluster of one and listens on loopback only. */
  readonly reset?: boolean;
}

/** Starts etcd; it is not yet answering when this returns. */
export function startEtcd(settings: Settings, options: EtcdStart = {}): ChildProcess {
  const { paths } = settings;
  mkdirSync(paths.etcd, { recursive: true, mode: 0o700 });
  const name = memberName(settings, false);
  const file = `${paths.etcd}/config`;
  writeFileSync(file, configOf(settings, name, options), { mode: 0o600 });
  return startPart("etcd", [`--config-file=${file}`], { cwd: paths.server });
}

/** The member's name, `<node>-<8 hex>`, kept in `db/etcd/name`; a fresh one after a reset. */
export function memberName(settings: Settings, fresh: boolean): string {
  const file = `${settings.paths.etcd}/name`;
  if (!fresh && existsSync(file)) return readFileSync(file, "utf8");
  const name = `${settings.nodeName}-${randomBytes(4).toString("hex")}`;
  mkdirSync(settings.paths.etcd, { recursive: true, mode: 0o700 });
  writeFileSync(file, name, { mode: 0o600 });
  return name;
}

export function peerUrl(settings: Settings): string {
  return `https://${settings.nodeIp}:2380`;
}

function configOf(settings: Settings, name: string, options: EtcdStart): string {
  const { tls } = settings.paths;
  const ip = settings.nodeIp;
  const hosts = options.reset === true ? ["127.0.0.1"] : ["127.0.0.1", ip];
  const urls = (port: number): string => hosts.map((host) => `https://${host}:${port}`).join(",");
  const security = (kind: string, crt: string): string =>
    `${kind}-transport-security:
  cert-file: ${tls}/etcd/${crt}.crt
  client-cert-auth: true
  key-file: ${tls}/etcd/${crt}.key
  trusted-ca-file: ${tls}/etcd/${kind === "peer" ? "peer" : "server"}-ca.crt`;
  // K3s sets heartbeat 500 and election 5000 ms; shorter ones here only save time.
  const lines = [
    `advertise-client-urls: https://${ip}:2379`,
    security("client", "server-client"),
    `data-dir: ${settings.paths.etcd}`,
    "election-timeout: 1000",
    ...(options.reset === true ? ["force-new-cluster: true"] : []),
    "heartbeat-interval: 100",
    `initial-advertise-peer-urls: ${peerUrl(settings)}`,
    `initial-cluster: ${options.cluster ?? `${name}=${peerUrl(settings)}`}`,
    `initial-cluster-state: ${options.state ?? "new"}`,
    // Takes HTTP off port 2379. K3s has the setting (field of its ETCDConfig, public source); that it is used so was not observed.
    "listen-client-http-urls: https://127.0.0.1:2382",
    `listen-client-urls: ${urls(2379)}`,
    "listen-metrics-urls: http://127.0.0.1:2381",
    `listen-peer-urls: ${urls(2380)}`,
    "log-outputs:",
    "- stderr",
    "log-level: warn",
    "logger: zap",
    `name: ${name}`,
    security("peer", "peer-server-client"),
    "snapshot-count: 10000",
    ...settings.flags.list("etcd-arg").map((argument) => argument.replace("=", ": ")),
  ];
  return `${lines.join("\n")}\n`;
}

/** Asks etcd's own client; with the certificates K3s gives its own. */
export function etcdctl(
  settings: Settings,
  args: readonly string[],
  endpoint = "https://127.0.0.1:2379",
) {
  const { paths } = settings;
  return runPart("etcdctl", [
    `--endpoints=${endpoint}`,
    `--cacert=${paths.etcdCa}`,
    `--cert=${paths.etcdClientCrt}`,
    `--key=${paths.etcdClientKey}`,
    ...args,
  ]);
}

/** Waits, for ever if need be, until etcd answers; false when it ended before. */
export async function untilEtcdAnswers(settings: Settings, etcd: ChildProcess): Promise<boolean> {
  for (let attempt = 0; ; attempt += 1) {
    if (etcd.exitCode !== null || etcd.signalCode !== null) return false;
    const { exitCode, stdout } = await etcdctl(settings, [
      "--command-timeout=2s",
      "endpoint",
      "health",
      "--write-out=json",
    ]);
    if (exitCode === 0 && stdout.includes('"health":true')) break;
    if (attempt % 20 === 0) {
      log.info(
        'Failed to test etcd connection: failed to get etcd status: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:2379: connect: connection refused"',
      );
    }
    await Bun.sleep(150);
  }
  log.info(
    `Connected to etcd v3.7.3 - datastore using ${sizeOf(settings)} of ${sizeOf(settings)} bytes`,
  );
  return true;
}

function sizeOf(settings: Settings): number {
  return statSync(`${settings.paths.etcd}/member/snap/db`, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * Puts a snapshot in place of the database: the old one is moved to
 * `etcd-old-<unix>` first, so a bad file is only found when it is gone
 * (k3s-observed.md 4). Throws FrontError with etcd's own text.
 */
export async function restoreSnapshot(settings: Settings): Promise<void> {
  const { paths } = settings;
  const snapshot = settings.restorePath.startsWith("/")
    ? settings.restorePath
    : `${paths.server}/${settings.restorePath}`;
  const info = statSync(snapshot, { throwIfNoEntry: false });
  if (info === undefined)
    throw new FrontError(`etcd: snapshot path does not exist: ${settings.restorePath}`);
  if (info.isDirectory()) {
    throw new FrontError(
      `etcd: snapshot path must be a file, not a directory: ${settings.restorePath}`,
    );
  }
  const name = memberName(settings, false);
  if (snapshot.endsWith(".zip")) {
    // Broken in the observed line: the name is taken relative to the snapshot folder (section 3).
    writeFileSync(`${paths.etcd}/config`, configOf(settings, name, { reset: true }), {
      mode: 0o600,
    });
    const folder = settings.flags.text("etcd-snapshot-dir") || paths.snapshots;
    throw new FrontError(`open ${folder}${snapshot}: no such file or directory`);
  }
  const old = `${paths.etcd}-old-${Math.floor(Date.now() / 1000)}`;
  try {
    renameSync(paths.etcd, old);
  } catch {
    // A second reset in the same second, as with K3s.
    throw new FrontError(`rename ${paths.etcd} ${old}: file exists`);
  }
  log.info(`Pre-restore etcd database moved to ${old}`);
  dieAtResetStep(1);
  log.warning(
    'failed to list etcd members: rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial tcp 127.0.0.1:2379: connect: connection refused"',
  );
  const { exitCode, stderr } = await runPart("etcdutl", [
    "snapshot",
    "restore",
    snapshot,
    `--name=${name}`,
    `--data-dir=${paths.etcd}`,
    `--initial-cluster=${name}=${peerUrl(settings)}`,
    `--initial-advertise-peer-urls=${peerUrl(settings)}`,
    // K3s leaves it empty where etcd's default would be "etcd-cluster"; only so does the restored
    // server get another member id than it had, and old peers do not take it for their own.
    "--initial-cluster-token=",
  ]);
  if (exitCode !== 0) throw new FrontError(lastError(stderr));
  dieAtResetStep(2);
}

function lastError(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("{"));
  return (lines.at(-1) ?? "restore failed").replace(/^Error: /, "");
}
