/** `k3s server --cluster-reset` from a snapshot: the command, and what its output means. */
import { OperatorError } from "../errors.ts";
import { tailOf } from "../sys/exec.ts";
import { namesIn, readTextIfPresent } from "../sys/files.ts";
import { pause } from "../sys/pause.ts";
import { processWith, signalGroup } from "../sys/processes.ts";
import { removeFile } from "../sys/remove.ts";
import { flagWords, parseFlags } from "./flags.ts";
import { waitFor } from "./service.ts";
import type { RunResult } from "../sys/exec.ts";
import type { Host } from "../sys/host.ts";
import type { Settings } from "./settings.ts";

/** Flags of the unit that must not, or need not, be on the reset's command line. */
const LEFT_OUT =
  /^(token|token-file|agent-token|agent-token-file|server|data-dir|cluster-reset.*|etcd-s3.*|vpn-auth.*|datastore-.*)$/;

/** Variables that would point the reset at another server, or carry a secret it does not need. */
const VARIABLES_LEFT_OUT =
  /^(K3S_URL|K3S_CLUSTER_INIT|.*(TOKEN|SECRET|PASSWORD|AUTH|ENDPOINT|_KEY).*)$/;

/** Names further in the future are a clock that was set back, and no reset of this moment. */
const LONGEST_WAIT = 3_000;

const DONE = "restart without --cluster-reset flag now";

const RESET_TIMEOUT = 15 * 60_000;

export interface ResetFiles {
  /** Absolute path of the raw snapshot; a relative one would resolve below the data dir. */
  readonly snapshot: string;
  /** Our own copy of the server token: `server/token` alone is overwritten on a new host (k3s-observed.md 3). */
  readonly tokenFile: string;
  /** Our own copy of the agents' token, when they have one of their own or the configuration says so. */
  readonly agentTokenFile?: string;
}

/** The argument list of the reset, without secrets; also printed in the runbook. */
export function resetCommand(settings: Settings, files: ResetFiles): string[] {
  const kept = parseFlags(settings.unit?.flags ?? []).filter(({ name }) => !LEFT_OUT.test(name));
  return [
    settings.k3s,
    "server",
    "--cluster-reset",
    `--cluster-reset-restore-path=${files.snapshot}`,
    `--token-file=${files.tokenFile}`,
    // It beats the one in the configuration, which may be newer than the snapshot (k3s-observed.md 15).
    ...(files.agentTokenFile === undefined ? [] : [`--agent-token-file=${files.agentTokenFile}`]),
    "--server=", // overrides configuration, drop-ins and K3S_URL (k3s-observed.md 10)
    "--etcd-s3=false", // or the path would be an S3 object's name (k3s.md 2.1)
    `--data-dir=${settings.dataDir}`,
    ...flagWords(kept),
  ];
}

/** The unit's environment as the reset may have it. */
export function resetEnvironment(settings: Settings): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings.unit?.environment ?? {}).filter(
      ([name]) => !VARIABLES_LEFT_OUT.test(name),
    ),
  );
}

/** Leaves its number in a file before it becomes the command: nothing can come between the two. */
const NUMBERED = 'echo "$$" > "$0" && exec "$@"';

/**
 * Runs the reset to its end. Only exit 0 together with K3s's own "restart
 * without" line counts. `pidFile` tells `endReset` after a kill of this program
 * what goes on running. Throws an OperatorError `RESET_…` with K3s's reason.
 */
export async function runReset(
  host: Host,
  settings: Settings,
  files: ResetFiles & { readonly pidFile: string },
): Promise<void> {
  const command = resetCommand(settings, files);
  await awaitFreshSecond(host, settings.dataDir);
  const result = await host.run(["/bin/sh", "-c", NUMBERED, files.pidFile, ...command], {
    timeout: RESET_TIMEOUT,
    env: resetEnvironment(settings),
  });
  await removeFile(files.pidFile);
  if (result.exitCode === 0 && result.stderr.includes(DONE)) return;
  if (result.timedOut) {
    throw new OperatorError(
      "error",
      "RESET_TIMEOUT",
      "k3s server --cluster-reset did not end within 15 minutes",
      { hint: "is the disk full or very slow? look at: df -h; dmesg; then run this again" },
    );
  }
  throw resetError(result);
}

/**
 * K3s keeps the database it finds as `etcd-old-<unix>` and stops when that name
 * is taken: two resets in one second, as after a kill and a quick resume. So
 * this waits for the next second when the last one was just now.
 */
export async function awaitFreshSecond(host: Host, dataDir: string): Promise<void> {
  const seconds = (await namesIn(`${dataDir}/server/db`)).map((name) =>
    Number(/^etcd-old-(\d+)$/.exec(name)?.[1] ?? 0),
  );
  const wait = (Math.max(0, ...seconds) + 1) * 1000 - host.now().getTime();
  if (wait > 0 && wait <= LONGEST_WAIT) await pause(wait, host.signal);
}

/**
 * Ends the reset of a run of this program that was killed: it goes on alone, and
 * would write its keys and token over whatever is put in place meanwhile.
 */
export async function endReset(host: Host, pidFile: string): Promise<void> {
  const pid = Number((await readTextIfPresent(pidFile))?.trim());
  // Empty after a power cut: it is not synced, for no reset outlives one.
  if (Number.isInteger(pid) && pid > 1) await endProcess(host, pid);
  await removeFile(pidFile);
}

async function endProcess(host: Host, pid: number): Promise<void> {
  // After a boot the number may be anybody's, and many a server's.
  const runs = async (): Promise<boolean> =>
    /\bk3s\b.*\bserver\b|\bserver\b.*--cluster-reset\b/s.test(
      (await processWith(pid))?.command ?? "",
    );
  const ended = async (timeout: number): Promise<boolean> =>
    (await waitFor(host, async () => ((await runs()) ? undefined : true), {
      timeout,
      interval: 100,
    })) === true;
  if (await runs()) {
    signalGroup(pid, "SIGTERM");
    if (!(await ended(10_000))) {
      signalGroup(pid, "SIGKILL");
      await ended(10_000);
    }
  }
}

function resetError(result: RunResult): OperatorError {
  const fatal = /level=fatal msg="((?:[^"\\]|\\.)*)"/
    .exec(result.stderr)?.[1]
    ?.replaceAll('\\"', '"');
  const reason = (
    fatal ??
    (tailOf(result, 1) || `exit ${result.exitCode ?? result.exitSignal}`)
  ).slice(0, 500);
  if (reason.includes("encrypted with different token")) {
    return new OperatorError(
      "verifyFailed",
      "RESET_TOKEN",
      "k3s says that the token does not belong to this snapshot",
      { hint: "take another archive; which are whole: railiance-cluster verify --all" },
    );
  }
  if (reason.includes("address already in use")) {
    return new OperatorError(
      "precondition",
      "RESET_RUNNING",
      `another k3s still runs on this host (${reason})`,
      { hint: "find it with: ps -C k3s-server; end it, then run this again" },
    );
  }
  if (result.stderr.includes("no space left on device")) {
    return new OperatorError(
      "precondition",
      "NO_ROOM",
      `the disk was full while k3s unpacked the snapshot (${reason})`,
      { hint: "free some space, then run this again" },
    );
  }
  return new OperatorError(
    "error",
    "RESET_FAILED",
    `k3s server --cluster-reset failed (${reason})`,
    { hint: "the words in brackets are K3s's own; an older archive: railiance-cluster list" },
  );
}
