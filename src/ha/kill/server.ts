/** Switching a whole server off, and seeing that it is gone: by its ports, and by the way that led to it. */
import { UNINTERRUPTED } from "../../sys/host.ts";
import { answers } from "../../sys/tcp.ts";
import { killFailed } from "./failed.ts";
import type { RunResult } from "../../sys/exec.ts";
import type { Primary } from "../resolve/target.ts";
import type { Victim } from "./kill.ts";

/** What a K3s server listens on (ssh, etcd, API server, kubelet), besides the port of the primary. */
const SERVER_PORTS = [22, 2379, 6443, 10250] as const;
/** Milliseconds: for a port of the same network, and for a command through ssh. */
const PORT_TIMEOUT = 1_000;
const WAY_TIMEOUT = 8_000;

/** Runs a command on the server in question. */
export type OnServer = (command: readonly string[], timeout: number) => Promise<RunResult>;

/**
 * `kill` throws an OperatorError `KILL_FAILED` when the server cannot be reached
 * beforehand: nobody could tell afterwards whether it is off. It counts as gone
 * once none of the ports that answered before answers, and no command reaches it
 * any more; or once it answers as another boot.
 */
export function serverVictim(
  primary: Primary,
  onServer: OnServer,
  options: { readonly ports?: readonly number[] } = {},
): Victim {
  const ports = new Set([
    ...(options.ports ?? SERVER_PORTS),
    ...(primary.port === undefined ? [] : [primary.port]),
  ]);
  let before: { readonly boot: string; readonly listening: readonly number[] } | undefined;
  const listening = async (of: Iterable<number>): Promise<number[]> => {
    const asked = [...of].map(async (port) => {
      const place = { address: primary.host, port };
      const there = await answers(place, { timeout: PORT_TIMEOUT, signal: UNINTERRUPTED });
      return there ? [port] : [];
    });
    return (await Promise.all(asked)).flat();
  };
  return {
    text: `the whole server ${primary.name}`,
    labels: {},
    async kill() {
      const boot = await bootOf(onServer);
      if (boot === undefined) {
        throw killFailed(`no command reaches the server ${primary.name} through kill.through`);
      }
      before = { boot, listening: await listening(ports) };
      // No goodbye to anybody: as when its power fails. The connection dies with it, so the exit code says nothing.
      await onServer(["systemctl", "poweroff", "--force", "--force"], 15_000);
    },
    async gone() {
      if (before === undefined) return false;
      if ((await listening(before.listening)).length > 0) {
        // Something answers there: the same server, unless it has been started anew meanwhile.
        const boot = await bootOf(onServer);
        return boot !== undefined && boot !== before.boot;
      }
      return (await bootOf(onServer)) !== before.boot;
    },
    putBack: () => Promise.resolve(),
  };
}

/** The kernel's name for this boot; undefined when the server does not answer. */
async function bootOf(onServer: OnServer): Promise<string | undefined> {
  const { exitCode, stdout } = await onServer(
    ["cat", "/proc/sys/kernel/random/boot_id"],
    WAY_TIMEOUT,
  );
  const id = stdout.trim();
  return exitCode === 0 && /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
}
