/** Saving an etcd snapshot through K3s, trusting nothing but the file. */
import { OperatorError } from "../errors.ts";
import { tailOf } from "../sys/exec.ts";
import { field, itemsIn } from "./json.ts";
import { namesIn, statOf } from "../sys/files.ts";
import { pause } from "../sys/pause.ts";
import { UNINTERRUPTED } from "../sys/host.ts";
import type { Host } from "../sys/host.ts";
import type { RunResult } from "../sys/exec.ts";
import type { Settings } from "./settings.ts";

/** On-demand names we give; the clean-up knows our leftovers by it. */
export const SNAPSHOT_PREFIX = "railiance-s2";

const TRIES = 5;

export interface SavedSnapshot {
  readonly name: string;
  /** Absolute path on this host. */
  readonly path: string;
  readonly size: number;
}

/**
 * Saves a snapshot and returns the file that appeared. Exit 0 is no proof: a
 * full disk gives exit 0 and silence (k3s-observed.md 2), so the "saved" line
 * and the file on this host are both required. Retries while another snapshot
 * is being taken. Throws an OperatorError whose sentence gives K3s's reason.
 */
export async function saveSnapshot(host: Host, settings: Settings): Promise<SavedSnapshot> {
  const name = freshName(settings);
  let failure: OperatorError | undefined;
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    if (attempt > 0) await pause(500 * attempt, host.signal);
    const result = await snapshotCommand(host, settings, {
      verb: "save",
      args: ["--name", name, "--etcd-snapshot-compress=false", "--etcd-s3=false"],
      timeout: 20 * 60_000,
    });
    const saved = /Snapshot (\S+) saved\./.exec(stripColour(result.stderr))?.[1];
    if (result.exitCode === 0 && saved !== undefined) return locate(settings, saved);
    if (result.exitCode === 0 && !result.timedOut) throw await silentFailure(host, settings, name);
    failure = saveError(settings, result);
    // A scheduled snapshot in progress answers with an error ID; fine 0.2 s later (k3s-observed.md 12).
    if (failure.code !== "SNAPSHOT_BUSY") throw failure;
  }
  throw failure ?? new TypeError("no attempt was made");
}

/** Removes one of our snapshots through K3s, so that its object goes too. Returns false when K3s did not say so. */
export async function deleteSnapshot(
  host: Host,
  settings: Settings,
  name: string,
): Promise<boolean> {
  const result = await snapshotCommand(host, settings, {
    verb: "delete",
    args: [name],
    timeout: 120_000,
    signal: UNINTERRUPTED,
  });
  return result.exitCode === 0 && stripColour(result.stderr).includes(`Snapshot ${name} deleted.`);
}

/**
 * Runs `k3s etcd-snapshot`. The configuration file is kept out: keys the
 * command does not know are warnings, and an alias of ours that the file has in
 * its other form stops it (k3s-observed.md 8, 9.5); so data dir and snapshot dir
 * are given by their long names.
 */
async function snapshotCommand(
  host: Host,
  settings: Settings,
  call: {
    readonly verb: string;
    readonly args: readonly string[];
    readonly timeout: number;
    readonly signal?: AbortSignal;
  },
): Promise<RunResult> {
  const server =
    settings.httpsPort === 6443 ? [] : [`--etcd-server=https://127.0.0.1:${settings.httpsPort}`];
  return host.run(
    [
      settings.k3s,
      "etcd-snapshot",
      call.verb,
      `--data-dir=${settings.dataDir}`,
      // K3s makes the default folder itself, but not one that is named (k3s.md 1.4).
      ...(settings.snapshotDir === `${settings.dataDir}/server/db/snapshots`
        ? []
        : [`--etcd-snapshot-dir=${settings.snapshotDir}`]),
      ...server,
      ...call.args,
    ],
    {
      timeout: call.timeout,
      env: { K3S_CONFIG_FILE: "/dev/null" },
      signal: call.signal ?? host.signal,
    },
  );
}

/** Names that no schedule is likely to begin with; the first that ours does not is taken. */
const PREFIXES = [SNAPSHOT_PREFIX, `s2-${SNAPSHOT_PREFIX}`, `x-${SNAPSHOT_PREFIX}`];

/**
 * A name for one save. It must not begin with the scheduled prefix, or K3s's
 * pruning counts and deletes it; and no two saves of one name in one second
 * (k3s-observed.md 12), hence the salt.
 */
function freshName(settings: Settings): string {
  const salt = Math.floor(Math.random() * 0x10000)
    .toString(16)
    .padStart(4, "0");
  const prefix = PREFIXES.find((candidate) => !candidate.startsWith(settings.snapshotName));
  return `${prefix ?? SNAPSHOT_PREFIX}-${salt}`;
}

/** Snapshots of ours that a killed run left in the snapshot folder, by name. */
export async function leftoverSnapshots(settings: Settings): Promise<string[]> {
  const ours = /^(?:s2-|x-)?railiance-s2-[0-9a-f]{4}-.+-\d+$/;
  return (await namesIn(settings.snapshotDir)).filter((name) => ours.test(name));
}

async function locate(settings: Settings, name: string): Promise<SavedSnapshot> {
  const path = `${settings.snapshotDir}/${name}`;
  const info = await statOf(path);
  if (info?.isFile()) return { name, path, size: info.size };
  throw new OperatorError(
    "precondition",
    "SNAPSHOT_ELSEWHERE",
    `k3s saved the snapshot ${name}, but it is not on this host in ${settings.snapshotDir}`,
    {
      hint: "it may lie on another server of the cluster: run the backup there, or take server: out of this host's K3s configuration",
    },
  );
}

/** Exit 0, no "saved": the reason is then in the ETCDSnapshotFile object, if anywhere. */
async function silentFailure(host: Host, settings: Settings, name: string): Promise<OperatorError> {
  const reason = await failureReason(host, settings, name);
  const why = reason === undefined ? "" : `: ${reason}`;
  return new OperatorError(
    "precondition",
    "SNAPSHOT_SILENT",
    `k3s reported success but wrote no snapshot${why}`,
    {
      hint: `nothing was changed; check the free space of ${settings.snapshotDir}, and journalctl -u k3s, then run this again`,
    },
  );
}

async function failureReason(
  host: Host,
  settings: Settings,
  name: string,
): Promise<string | undefined> {
  const result = await host.run(
    [
      settings.k3s,
      "kubectl",
      "get",
      "etcdsnapshotfiles.k3s.cattle.io",
      "-o",
      "json",
      "--request-timeout=10s",
    ],
    { timeout: 20_000 },
  );
  if (result.exitCode !== 0) return undefined;
  return reasonIn(result.stdout, name);
}

/** The newest error among the ETCDSnapshotFile objects whose snapshot name starts with `name`. */
export function reasonIn(text: string, name: string): string | undefined {
  let list: unknown;
  try {
    list = JSON.parse(text);
  } catch {
    return undefined;
  }
  for (const item of itemsIn(list).reverse()) {
    const spec = field(item, "spec");
    const message = field(field(field(item, "status"), "error"), "message");
    const snapshot = field(spec, "snapshotName");
    if (typeof snapshot === "string" && snapshot.startsWith(name) && typeof message === "string") {
      return message;
    }
  }
  return undefined;
}

function saveError(settings: Settings, result: RunResult): OperatorError {
  const text = stripColour(result.stderr);
  const said =
    /(?:msg=")?(?:Error: )((?:[^"\\]|\\.)+)/.exec(text)?.[1]?.replaceAll('\\"', '"') ??
    tailOf(result);
  if (result.timedOut) {
    return new OperatorError(
      "precondition",
      "SNAPSHOT_TIMEOUT",
      "k3s etcd-snapshot save did not end within 20 minutes",
      {
        hint: "look at: journalctl -u k3s",
      },
    );
  }
  if (text.includes("connection refused") || text.includes("failed to get CA certs")) {
    return new OperatorError(
      "precondition",
      "K3S_DOWN",
      `k3s does not answer on port ${settings.httpsPort}`,
      {
        hint: "start it (systemctl start k3s), wait until it is ready, then run this again",
      },
    );
  }
  if (text.includes("/server/token") && text.includes("no such file")) {
    return new OperatorError(
      "precondition",
      "DATA_DIR",
      `there is no server token below ${settings.dataDir}`,
      {
        hint: "give K3s's data folder with --data-dir",
      },
    );
  }
  if (text.includes("etcd datastore disabled")) {
    return new OperatorError(
      "precondition",
      "DATASTORE_UNSUPPORTED",
      "this K3s does not run on embedded etcd",
      {},
    );
  }
  if (text.includes("not authorized") || text.includes("does not match the Cluster CA")) {
    return new OperatorError(
      "precondition",
      "TOKEN_REFUSED",
      `k3s refuses the token in ${settings.dataDir}/server/token (${said})`,
      {
        hint: "after k3s token rotate, K3s must be restarted once; otherwise put the cluster's own token back",
      },
    );
  }
  if (/error ID \d+|already in progress/.test(text)) {
    return new OperatorError(
      "precondition",
      "SNAPSHOT_BUSY",
      `k3s could not save a snapshot (${said})`,
      {
        hint: "the reason is in: journalctl -u k3s",
      },
    );
  }
  return new OperatorError(
    "precondition",
    "SNAPSHOT_FAILED",
    `k3s etcd-snapshot save failed (${said || `exit ${result.exitCode}`})`,
    {
      hint: "the reason is in: journalctl -u k3s",
    },
  );
}

function stripColour(text: string): string {
  // oxlint-disable-next-line no-control-regex -- the colour codes K3s prints on a terminal
  return text.replace(/\u001b\[[0-9;]*m/g, "");
}
