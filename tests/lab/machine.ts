/**
 * One bare server: systemd as PID 1 under systemd-nspawn, on an overlay that
 * lives in memory. Its mounts and its network hang on one holder process, so
 * nothing is left when this process dies, however it dies.
 */
import type { ChildProcess } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { removeGroups } from "./cgroups.ts";
import { command, descendants, kill, must, start } from "./command.ts";
import type { CommandResult, Started } from "./command.ts";
import { giveAddress, inside, startHolder } from "./holder.ts";
import type { DiskKind } from "./holder.ts";
import { entering, guardLeader, leaderOf, startNspawn } from "./nspawn.ts";
import type { RunOptions } from "./nspawn.ts";
import { RUNS } from "./places.ts";
import { furnish, hideBuildMachine } from "./rootfs.ts";
import type { RootOptions } from "./rootfs.ts";
import { mountRoot, withoutPower } from "./power.ts";
import { sweepStaleRuns } from "./stale.ts";

export type { RunOptions } from "./nspawn.ts";

export interface MachineOptions extends RootOptions {
  /**
   * "memory" (default); "real": the upper layer lies on the build machine's disk,
   * with its slow fsync; "cuttable": on an ext4 of its own that can lose its power.
   */
  readonly disk?: DiskKind;
  /** A folder whose content is copied over the root before the first boot. */
  readonly template?: string | undefined;
  /** Address of the server; on lo unless a switch connects it later. */
  readonly address?: string;
}

export interface Machine extends AsyncDisposable {
  readonly name: string;
  /** The root folder as seen from here; after a boot it shows the server's own mounts too. */
  readonly root: string;
  /** The process that holds mounts and network. */
  readonly holder: number;
  boot(): Promise<void>;
  /** Asks systemd to power off, and waits. */
  powerOff(): Promise<void>;
  /** Ends it like a power cut (memory of the kernel excepted: nothing written is lost). */
  cut(): Promise<void>;
  /** A power cut that loses everything not synced; only with `disk: "cuttable"`. Then `boot` again. */
  losePower(): Promise<void>;
  run(command: string | readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Like `run`, and throws when the exit code is not 0. Gives stdout. */
  must(command: string | readonly string[], options?: RunOptions): Promise<string>;
  /** The command line on this machine that runs a command in there, for a terminal. */
  argv(command: string | readonly string[], options?: RunOptions): string[];
  /** Starts a command; `signal` reaches the command itself. */
  start(
    command: string | readonly string[],
    options?: RunOptions,
  ): Started & { signal(name: NodeJS.Signals): void };
}

let serial = 0;

/** Makes the disk of a server and its network; `boot` it next. Throws when mounting fails. */
export async function createMachine(options: MachineOptions): Promise<Machine> {
  await sweepStaleRuns();
  serial += 1;
  const run = `${RUNS}/${process.pid}-${serial}`;
  mkdirSync(run, { recursive: true });
  const holder = await startHolder(run, options.disk ?? "memory");
  try {
    const seen = `/proc/${holder.pid}/root${run}`;
    await hideBuildMachine(`${seen}/layer/upper`, options.tools);
    await mountRoot(holder.pid, run);
    furnish(`${seen}/root`, options);
    if (options.template !== undefined) {
      await must(["cp", "-a", "--sparse=always", `${options.template}/.`, `${seen}/root/`]);
    }
    if (options.disk === "cuttable") await inside(holder.pid, ["sync", "-f", `${run}/layer`]);
    await giveAddress(holder.pid, options.address ?? "10.99.0.1");
  } catch (error) {
    kill(holder.pid, "SIGKILL");
    throw error;
  }
  return machineOn(run, { holder, options });
}

function machineOn(
  run: string,
  state: {
    readonly holder: { readonly pid: number; readonly process: ChildProcess };
    readonly options: MachineOptions;
  },
): Machine {
  const { holder, options } = state;
  let nspawn: ChildProcess | undefined;
  let leader = 0;
  const ended = async (): Promise<void> => {
    const running = nspawn;
    if (running === undefined) return;
    if (running.exitCode === null && running.signalCode === null) {
      await new Promise((resolve) => running.once("exit", resolve));
    }
    nspawn = undefined;
    leader = 0;
  };
  const enter = (given: string | readonly string[], how: RunOptions): string[] => {
    if (leader === 0) throw new Error(`server ${options.name} is not running`);
    return entering(leader, given, how);
  };
  const machine: Machine = {
    name: options.name,
    holder: holder.pid,
    get root() {
      return leader === 0 ? `/proc/${holder.pid}/root${run}/root` : `/proc/${leader}/root`;
    },
    async boot() {
      if (nspawn !== undefined) throw new Error(`server ${options.name} is running`);
      nspawn = startNspawn(run, { holder: holder.pid, name: options.name });
      leader = await leaderOf(nspawn, run);
      guardLeader(leader);
      await untilBooted(machine);
    },
    async powerOff() {
      if (leader !== 0) await machine.run(["systemctl", "poweroff"]);
      await ended();
    },
    async cut() {
      kill(leader, "SIGKILL");
      await ended();
    },
    losePower: () => withoutPower(holder.pid, run, () => machine.cut()),
    argv: (given, how = {}) => enter(given, how),
    run: (given, how = {}) => command(enter(given, how), how),
    must: (given, how = {}) => must(enter(given, how), how),
    start(given, how = {}) {
      const started = start(enter(given, how), how);
      return {
        ...started,
        signal: (name) => {
          const [inner = 0] = descendants(started.pid).toReversed();
          kill(inner, name);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      kill(leader, "SIGKILL");
      await ended();
      holder.process.kill("SIGKILL");
      await removeGroups(run);
      rmSync(run, { recursive: true, force: true });
    },
  };
  return machine;
}

/** Milliseconds; half a minute was too short on a machine with a load of 30. */
const BOOT_TIMEOUT = 180_000;

async function untilBooted(machine: Machine): Promise<void> {
  const started = performance.now();
  while (performance.now() - started < BOOT_TIMEOUT) {
    const { stdout, stderr } = await machine.run(["systemctl", "is-system-running"]);
    // Seen with eight test runs at once: each systemd takes several of 128 inotify instances.
    if (/^nsenter: cannot open \/proc\/\d+\//.test(stderr)) {
      throw new Error(
        `the systemd of server ${machine.name} ended at once: other servers may use up fs.inotify.max_user_instances`,
      );
    }
    // k3s.service may still be starting: the basic system is enough.
    if (/running|degraded/.test(stdout)) return;
    const { exitCode } = await machine.run(["systemctl", "is-active", "--quiet", "basic.target"]);
    if (exitCode === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(
    `server ${machine.name} did not boot (more than about ten at once use up fs.inotify.max_user_instances)`,
  );
}
