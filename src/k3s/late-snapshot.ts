/** A snapshot that K3s goes on saving when its client no longer waits: it gives up after two minutes (k3s.md 1.2). */
import { OperatorError } from "../errors.ts";
import { namesIn, statOf } from "../sys/files.ts";
import { pause } from "../sys/pause.ts";
import { stripColour } from "./save-error.ts";
import type { Host } from "../sys/host.ts";
import type { RunResult } from "../sys/exec.ts";
import type { Settings } from "./settings.ts";

/** Milliseconds without any file of it after which it will not come: etcd makes its `.part` at once. */
const PATIENCE = 60_000;
/** Milliseconds between two looks. */
const INTERVAL = 1_000;

/** Whether K3s's client has given up waiting for its request to save; a client that never reached the server is another matter. */
export function clientGaveUp({ exitCode, stderr }: RunResult): boolean {
  const said = stripColour(stderr);
  return (
    exitCode !== 0 &&
    /\/db\/snapshot\b.*(?:context deadline exceeded|Client\.Timeout)/.test(said) &&
    !said.includes("failed to get CA certs")
  );
}

export interface LateOrder {
  /** As it was given to K3s, which puts node and time behind it. */
  readonly name: string;
  /** Names in the snapshot folder before the save began. */
  readonly before: ReadonlySet<string>;
  /** When to give up, on the host's monotonic clock. */
  readonly deadline: number;
  readonly patience?: number | undefined;
  /** Told the bytes that are there, at each look. */
  readonly onLook?: ((bytes: number) => void) | undefined;
}

/**
 * The file name of the snapshot, once it is whole: etcd writes to `<name>.part` and
 * renames that when it is synced. Throws an OperatorError `SNAPSHOT_TIMEOUT` when it
 * never comes, and the signal's reason.
 */
export async function awaitLate(host: Host, settings: Settings, order: LateOrder): Promise<string> {
  const { name, before, deadline, patience = PATIENCE, onLook } = order;
  let seen = host.monotonic();
  let last = -1;
  while (host.monotonic() < deadline && host.monotonic() - seen < patience) {
    const names = await namesIn(settings.snapshotDir);
    const ours = names.filter((one) => one.startsWith(`${name}-`) && !before.has(one));
    const whole = ours.find((one) => /-\d+$/.test(one));
    const there = whole ?? ours.find((one) => one.endsWith(".part"));
    const info = there === undefined ? undefined : await statOf(`${settings.snapshotDir}/${there}`);
    if (info !== undefined) seen = host.monotonic();
    const size = info?.size ?? 0;
    onLook?.(size);
    if (whole !== undefined && size === last) return whole;
    last = whole === undefined ? -1 : size;
    await pause(Math.min(INTERVAL, patience), host.signal);
  }
  throw new OperatorError(
    "precondition",
    "SNAPSHOT_TIMEOUT",
    "k3s's own client gave up waiting for the snapshot, and the server has not finished it since",
    {
      hint: `the disk may be too slow: look at journalctl -u k3s; what k3s may still write to ${settings.snapshotDir}, the next backup removes`,
    },
  );
}
