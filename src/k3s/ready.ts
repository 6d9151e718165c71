/** Waiting for a K3s that was started, no longer than there is hope. */
import { lastServiceLines, restartsOf, serviceState, waitFor } from "./service.ts";
import type { Host } from "../sys/host.ts";
import type { Settings } from "./settings.ts";

const READY_TIMEOUT = 300_000;
/** `Restart=always` starts a K3s that cannot start for ever; so often it may end before it counts as one of those. */
const RESTARTS_ALLOWED = 5;
/** systemd starts a unit at once; one that stays down was refused a start. */
const DOWN_ALLOWED = 15_000;

/** Waits until the API server says that it is ready; else gives in a phrase why it will not be, in K3s's own words where it has some. */
export async function untilReady(host: Host, settings: Settings): Promise<string | undefined> {
  const restarts = await restartsOf(host);
  let upAt = host.monotonic();
  const outcome = await waitFor(
    host,
    async () => {
      const state = await serviceState(host);
      if (state === "failed") return "systemd has given K3s up";
      if (state !== "inactive") upAt = host.monotonic();
      else if (host.monotonic() - upAt > DOWN_ALLOWED) return "systemd does not start K3s";
      // The API server answers some time before K3s says that all of it has come up.
      if (state === "active" && (await isReady(host, settings))) return "ready";
      const ended = (await restartsOf(host)) - restarts;
      return ended >= RESTARTS_ALLOWED ? `K3s has ended ${ended} times` : undefined;
    },
    { timeout: READY_TIMEOUT, interval: 250 },
  );
  if (outcome === "ready") return undefined;
  const said = fatalIn(await lastServiceLines(host, 200));
  return `${outcome ?? "K3s runs, and does not become ready"}${said === undefined ? "" : ` (${said})`}`;
}

/** Whether the API server says right now that it is; without quorum it takes some seconds to say no. */
export async function isReady(host: Host, settings: Settings): Promise<boolean> {
  const result = await host.run(
    [
      settings.k3s,
      "kubectl",
      "get",
      "--raw=/readyz",
      `--kubeconfig=${settings.kubeconfig}`,
      "--request-timeout=5s",
    ],
    { timeout: 15_000, env: { K3S_DATA_DIR: settings.dataDir } },
  );
  return result.exitCode === 0 && result.stdout.trim() === "ok";
}

/** K3s's own last fatal line, without its decoration. */
export function fatalIn(lines: readonly string[]): string | undefined {
  const last = lines.findLast((line) => line.includes("level=fatal"));
  return /msg="((?:[^"\\]|\\.)*)"/.exec(last ?? "")?.[1]?.replaceAll('\\"', '"');
}
