/** Stopping and starting K3s through systemd, with our own deadlines. */
import { OperatorError } from "../errors.ts";
import { tailOf } from "../sys/exec.ts";
import { pause } from "../sys/pause.ts";
import { hostProcesses } from "../sys/processes.ts";
import { UNIT } from "./unit.ts";
import type { Host } from "../sys/host.ts";

export type ServiceState =
  | "active"
  | "activating"
  | "deactivating"
  | "failed"
  | "inactive"
  | "unknown";

/** What systemd says of k3s.service. */
export async function serviceState(host: Host): Promise<ServiceState> {
  const result = await host.run(["systemctl", "is-active", UNIT], { timeout: 30_000 });
  const word = result.stdout.trim();
  const known = ["active", "activating", "deactivating", "failed", "inactive"] as const;
  return known.find((state) => state === word) ?? "unknown";
}

/** As the command line of a K3s server reads, also when it has rewritten its own title. */
const SERVER = /^\S*\bk3s\S*\s+server\b/;

/** Stops K3s and waits until it is down; `KillMode=process` leaves the containers running. */
export async function stopService(
  host: Host,
  options: { readonly timeout?: number } = {},
): Promise<void> {
  const result = await host.run(["systemctl", "stop", UNIT], {
    timeout: options.timeout ?? 180_000,
  });
  if (!result.timedOut && (result.exitCode === 0 || (await isDown(host)))) return;
  throw new OperatorError(
    "precondition",
    "K3S_STOP",
    `systemctl stop ${UNIT} failed (${result.timedOut ? "no end in time" : tailOf(result)})`,
    {
      hint: `look at: systemctl status ${UNIT}`,
    },
  );
}

/** systemd does not stop a unit that it cannot load (an archive's, with an error in it); such a one does not run either. */
async function isDown(host: Host): Promise<boolean> {
  return ["failed", "inactive", "unknown"].includes(await serviceState(host));
}

/** Throws an OperatorError `K3S_STILL_RUNS` when a K3s server runs on this host although its unit is stopped. */
export async function requireNoServer(host: Host): Promise<void> {
  const ended = await waitFor(
    host,
    async () => ((await serverProcesses()).length === 0 ? true : undefined),
    { timeout: 10_000, interval: 200 },
  );
  const left = ended === true ? [] : await serverProcesses();
  if (left.length === 0) return;
  throw new OperatorError(
    "precondition",
    "K3S_STILL_RUNS",
    `a K3s server that ${UNIT} does not know of still runs on this host (process ${left.join(", ")})`,
    { hint: `end it first: kill ${left.join(" ")}` },
  );
}

/** Whether a K3s server runs on this host now, by its unit or by hand. */
export async function serverRuns(): Promise<boolean> {
  return (await serverProcesses()).length > 0;
}

/** Numbers of the K3s servers on this host, whoever started them. */
export async function serverProcesses(): Promise<number[]> {
  const servers = (await hostProcesses()).filter(({ command }) => SERVER.test(command));
  return servers.map(({ pid }) => pid);
}

/** Asks systemd to start K3s and returns at once: `systemctl start` itself can block for ever (TimeoutStartSec=0). */
export async function startService(host: Host): Promise<void> {
  await host.run(["systemctl", "reset-failed", UNIT], { timeout: 30_000 });
  const result = await host.run(["systemctl", "start", "--no-block", UNIT], { timeout: 30_000 });
  if (result.exitCode !== 0) {
    throw new OperatorError(
      "precondition",
      "K3S_START",
      `systemctl start ${UNIT} failed (${tailOf(result)})`,
      {
        hint: `look at: systemctl status ${UNIT}`,
      },
    );
  }
}

/** Has K3s started at boot: for a unit that came out of an archive. */
export async function enableService(host: Host): Promise<void> {
  const result = await host.run(["systemctl", "enable", UNIT], { timeout: 60_000 });
  if (result.exitCode !== 0) {
    throw new OperatorError(
      "precondition",
      "SYSTEMD",
      `systemctl enable ${UNIT} failed (${tailOf(result)})`,
      { hint: `look at: systemctl cat ${UNIT}` },
    );
  }
}

/** Takes `enableService` back. */
export async function disableService(host: Host): Promise<void> {
  await host.run(["systemctl", "disable", UNIT], { timeout: 60_000 });
}

/** Whether systemd starts K3s at the next boot. */
export async function startsAtBoot(host: Host): Promise<boolean> {
  const result = await host.run(["systemctl", "is-enabled", UNIT], { timeout: 30_000 });
  return result.stdout.trim() === "enabled";
}

/** How often systemd has started K3s again by itself since it was last asked to; 0 when it does not say. */
export async function restartsOf(host: Host): Promise<number> {
  const result = await host.run(["systemctl", "show", UNIT, "--property=NRestarts", "--value"], {
    timeout: 30_000,
  });
  return Number(result.stdout.trim()) || 0;
}

/** Makes systemd read changed units. */
export async function reloadUnits(host: Host): Promise<void> {
  const result = await host.run(["systemctl", "daemon-reload"], { timeout: 60_000 });
  if (result.exitCode !== 0) {
    throw new OperatorError(
      "precondition",
      "SYSTEMD",
      `systemctl daemon-reload failed (${tailOf(result)})`,
      { hint: "look at: systemctl status; then run this again" },
    );
  }
}

/** The last lines K3s wrote to the journal; empty when journalctl is not there. */
export async function lastServiceLines(host: Host, count: number): Promise<string[]> {
  try {
    const result = await host.run(
      ["journalctl", "-u", UNIT, "-n", String(count), "-o", "cat", "--no-pager"],
      { timeout: 15_000 },
    );
    return result.stdout.split("\n").filter((line) => line.trim() !== "");
  } catch {
    return [];
  }
}

/** Polls `check` until it returns something, or gives undefined after `timeout` ms. */
export async function waitFor<T>(
  host: Host,
  check: () => Promise<T | undefined>,
  options: { readonly timeout: number; readonly interval: number },
): Promise<T | undefined> {
  const deadline = host.monotonic() + options.timeout;
  for (;;) {
    const found = await check();
    if (found !== undefined) return found;
    if (host.monotonic() >= deadline) return undefined;
    await pause(options.interval, host.signal);
  }
}
