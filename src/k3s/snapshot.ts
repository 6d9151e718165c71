/** Saving an etcd snapshot through K3s, trusting nothing but the file. */
import { OperatorError } from "../errors.ts";
import { namesIn, statOf } from "../sys/files.ts";
import { pause } from "../sys/pause.ts";
import { UNINTERRUPTED } from "../sys/host.ts";
import { awaitLate, clientGaveUp } from "./late-snapshot.ts";
import { saveError, silentFailure, stripColour } from "./save-error.ts";
import type { Host } from "../sys/host.ts";
import type { LateOrder } from "./late-snapshot.ts";
import type { RunResult } from "../sys/exec.ts";
import type { Settings } from "./settings.ts";

/** On-demand names we give; the clean-up knows our leftovers by it. */
export const SNAPSHOT_PREFIX = "railiance-s2";

/** Milliseconds that another snapshot may take before we give up. */
const BUSY_WAIT = 60_000;
/** Tries when K3s gives no reason; a schedule in progress is over after 0.2 s (k3s-observed.md 12). */
const BLIND_TRIES = 5;
/** Milliseconds that one save may take. */
const SAVE_LIMIT = 20 * 60_000;
/** Milliseconds that a save may still take after a signal: ended in the middle, K3s would leave its file. */
const STOP_GRACE = 20_000;

export interface SavedSnapshot {
  readonly name: string;
  /** Absolute path on this host. */
  readonly path: string;
  readonly size: number;
}

export interface SaveOptions {
  /** Milliseconds the save may still take after a signal. */
  readonly stopGrace?: number;
  /** Milliseconds that nothing may be seen of a save whose client gave up. */
  readonly patience?: number;
  /** Told, again and again, how many bytes there are of a save whose client gave up. */
  readonly onLate?: (bytes: number) => void;
}

/**
 * Saves a snapshot and returns the file that appeared. Exit 0 is no proof: a
 * full disk gives exit 0 and silence (k3s-observed.md 2), so the "saved" line
 * and the file on this host are both required. Retries while another snapshot
 * is being taken, and waits on for one that K3s's client gave up. A signal lets the save end and removes its snapshot. Throws an
 * OperatorError whose sentence gives K3s's reason.
 */
export async function saveSnapshot(
  host: Host,
  settings: Settings,
  options: SaveOptions = {},
): Promise<SavedSnapshot> {
  const name = freshName(settings);
  const deadline = host.monotonic() + BUSY_WAIT;
  const before = new Set(await namesIn(settings.snapshotDir));
  for (let attempt = 1; ; attempt += 1) {
    const limit = host.monotonic() + SAVE_LIMIT;
    const result = await save(host, settings, { name, grace: options.stopGrace ?? STOP_GRACE });
    if (typeof result === "string") return locate(settings, result);
    if (clientGaveUp(result)) {
      const { patience, onLate } = options;
      return locate(
        settings,
        await saveLate(host, settings, { name, before, deadline: limit, patience, onLook: onLate }),
      );
    }
    if (result.exitCode === 0 && !result.timedOut) throw await silentFailure(host, settings, name);
    const failure = await saveError(host, settings, result);
    const again =
      failure.code === "SNAPSHOT_BUSY"
        ? host.monotonic() < deadline
        : failure.code === "SNAPSHOT_UNEXPLAINED" && attempt < BLIND_TRIES;
    if (!again) throw failure;
    await pause(Math.min(500 * attempt, 3_000), host.signal);
  }
}

/** The name K3s says it saved, or how it ended instead. */
async function save(
  host: Host,
  settings: Settings,
  options: { readonly name: string; readonly grace: number },
): Promise<string | RunResult> {
  const grace = lateAbort(host.signal, options.grace);
  let result: RunResult;
  try {
    host.signal.throwIfAborted();
    result = await snapshotCommand(host, settings, {
      verb: "save",
      args: ["--name", options.name, "--etcd-snapshot-compress=false", "--etcd-s3=false"],
      timeout: SAVE_LIMIT,
      signal: grace.signal,
    });
  } catch (error) {
    throw grace.signal.aborted ? stillWriting(host.signal.reason) : error;
  } finally {
    grace[Symbol.dispose]();
  }
  const saved = /Snapshot (\S+) saved\./.exec(stripColour(result.stderr))?.[1];
  if (host.signal.aborted) {
    if (saved !== undefined) await deleteSnapshot(host, settings, saved);
    throw host.signal.reason;
  }
  return result.exitCode === 0 && saved !== undefined ? saved : result;
}

async function saveLate(host: Host, settings: Settings, order: LateOrder): Promise<string> {
  try {
    return await awaitLate(host, settings, order);
  } catch (error) {
    throw host.signal.aborted ? stillWriting(host.signal.reason) : error;
  }
}

/** A signal that aborts some time after another has. */
function lateAbort(first: AbortSignal, delay: number): Disposable & { signal: AbortSignal } {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const start = (): void => {
    timer = setTimeout(() => controller.abort(first.reason), delay);
  };
  first.addEventListener("abort", start, { once: true });
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      clearTimeout(timer);
      first.removeEventListener("abort", start);
    },
  };
}

function stillWriting(reason: unknown): unknown {
  if (!(reason instanceof OperatorError)) return reason;
  return new OperatorError(
    reason.exit,
    reason.code,
    "stopped, but k3s is still saving its snapshot",
    {
      hint: "nothing else was left behind; the next backup removes that snapshot",
    },
  );
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
    readonly signal: AbortSignal;
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
      signal: call.signal,
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
