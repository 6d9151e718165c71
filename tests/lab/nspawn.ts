/** systemd-nspawn, the PID 1 it makes, and the way into it. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { insideGroups, makeGroups } from "./cgroups.ts";
import { descendants, startTime } from "./command.ts";
import type { CommandOptions } from "./command.ts";
import { BINDS } from "./rootfs.ts";

export interface RunOptions extends CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Default root. */
  readonly user?: string;
}

/** Boots the root of a run folder; the console goes to its console.log. */
export function startNspawn(
  run: string,
  options: { readonly holder: number; readonly name: string },
): ChildProcess {
  const console_ = openSync(`${run}/console.log`, "a");
  const [program = "", ...args] = insideGroups(makeGroups(run), [
    "setpriv",
    "--pdeathsig",
    "KILL",
    "--",
    "nsenter",
    "-t",
    String(options.holder),
    "-m",
    // Into the network as well, for /sys is mounted before nspawn itself joins it.
    "-n",
    "--",
    "systemd-nspawn",
    "--quiet",
    "--register=no",
    "--keep-unit",
    "--boot",
    `--directory=${run}/root`,
    `--machine=${options.name}`,
    `--network-namespace-path=/proc/${options.holder}/ns/net`,
    "--resolv-conf=off",
    "--timezone=off",
    "--link-journal=no",
    "--console=pipe",
    // Root of a real server may change its network.
    "--capability=CAP_NET_ADMIN",
    ...BINDS,
  ]);
  return spawn(program, args, {
    stdio: ["ignore", console_, console_],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
  });
}

/** The server's PID 1 as seen from here. Throws with the console's end when there comes none. */
export async function leaderOf(nspawn: ChildProcess, run: string): Promise<number> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    if (nspawn.exitCode !== null) break;
    for (const pid of descendants(nspawn.pid ?? 0)) {
      if (isFirstProcess(pid)) return pid;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(
    `systemd-nspawn did not start: ${readFileSync(`${run}/console.log`, "utf8").slice(-2000)}`,
  );
}

/**
 * Ends a server with the process that started it, however that ends: systemd as
 * PID 1 gives up the death signal that nspawn has set for it. The pipe to this
 * guard closes with this process; a number given to somebody else since is let be.
 */
export function guardLeader(leader: number): void {
  const started = startTime(leader);
  const script = `read -r line; [ "$(cut -d' ' -f22 /proc/${leader}/stat 2>/dev/null)" = "${started}" ] && kill -KILL ${leader}`;
  const guard = spawn("sh", ["-c", script], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  guard.unref();
  if (guard.stdin !== null && "unref" in guard.stdin && typeof guard.stdin.unref === "function") {
    guard.stdin.unref();
  }
}

/** PID 1 of a namespace that has become systemd. */
function isFirstProcess(pid: number): boolean {
  try {
    const numbers =
      /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]?.split(/\s+/) ?? [];
    return (
      numbers.length > 1 &&
      numbers.at(-1) === "1" &&
      readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "systemd"
    );
  } catch {
    return false;
  }
}

/** The command line that runs a command in the server, with an environment of nothing but a few words. */
export function entering(
  leader: number,
  given: string | readonly string[],
  how: RunOptions,
): string[] {
  const argv = typeof given === "string" ? ["bash", "-c", given] : given;
  const home = how.user === undefined ? "/root" : `/home/${how.user}`;
  const env = {
    HOME: home,
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LANG: "C.UTF-8",
    ...how.env,
  };
  const user = how.user === undefined ? [] : ["runuser", "-u", how.user, "--"];
  return [
    "nsenter",
    "-t",
    String(leader),
    "-m",
    "-u",
    "-i",
    "-n",
    "-p",
    "-C",
    "--",
    "env",
    "-i",
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...(how.cwd === undefined ? [] : ["--chdir", how.cwd]),
    ...user,
    ...argv,
  ];
}
