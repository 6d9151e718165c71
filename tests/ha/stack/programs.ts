/** Debian's databases and proxies as processes of a test: each in a folder of its own, on loopback, gone with the test. */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import {
  chownSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Workplace extends AsyncDisposable {
  readonly folder: string;
  /** Starts a program; its output goes to NAME.log. */
  start(name: string, argv: readonly string[], options?: StartOptions): ChildProcess;
  /** Runs a program to its end; throws with its output when it fails. Gives stdout. */
  run(argv: readonly string[], options?: StartOptions): string;
  log(name: string): string;
}

export interface StartOptions {
  /** User to run as; default root. */
  readonly user?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/usr/lib/postgresql/15/bin";

/** A folder for a test's programs; disposing ends them all and removes it. */
export function workplace(owner = "postgres"): Workplace {
  const folder = mkdtempSync(join(tmpdir(), "railiance-ha-"));
  const [uid = 0, gid = 0] = idsOf(owner);
  chownSync(folder, uid, gid);
  const guard = startGuard(folder);
  const children: ChildProcess[] = [];
  const words = (
    argv: readonly string[],
    user: string | undefined,
    own: readonly string[] = [],
  ) => ["setpriv", ...own, ...asUser(user), "--", ...argv];
  const environment = (options: StartOptions) => ({
    PATH,
    HOME: folder,
    LANG: "C.UTF-8",
    ...options.env,
  });
  return {
    folder,
    start(name, argv, options = {}) {
      const log = openSync(join(folder, `${name}.log`), "a");
      // In one setpriv: a change of user takes the signal at the parent's death away again (prctl(2)).
      const [program = "", ...args] = words(argv, options.user, ["--pdeathsig", "KILL"]);
      const child = spawn(program, args, {
        cwd: folder,
        env: environment(options),
        stdio: ["ignore", log, log],
      });
      children.push(child);
      return child;
    },
    run(argv, options = {}) {
      const [program = "", ...args] = words(argv, options.user);
      const result = spawnSync(program, args, {
        cwd: folder,
        env: environment(options),
        encoding: "utf8",
      });
      if (result.status !== 0)
        throw new Error(
          `${argv.join(" ")}: exit ${result.status}: ${result.stdout}${result.stderr}`,
        );
      return result.stdout;
    },
    log: (name) => readFileSync(join(folder, `${name}.log`), "utf8"),
    async [Symbol.asyncDispose]() {
      endAll(folder);
      await Promise.all(children.map((child) => ended(child)));
      // Again and again: one that was just starting another may have been missed.
      await until("the end of all that was started", () => endAll(folder) === 0);
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
      guard.stdin?.end();
      await ended(guard);
    },
  };
}

/**
 * Processes whose folder is a workplace or below it: what was started there, and what that started. By
 * folder, because pgpool's children outlive it, change their group's leader and write over their environment.
 */
export function processesOf(folder: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        const here = readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, "");
        return here === folder || here.startsWith(`${folder}/`);
      } catch {
        return false; // no number, or ended meanwhile
      }
    });
}

/** Ends them; gives how many there were. */
function endAll(folder: string): number {
  const left = processesOf(folder);
  for (const pid of left) killQuietly(pid);
  return left.length;
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Ended meanwhile.
  }
}

/** Does the same when the test itself dies: the pipe to it closes then, however it ends. */
function startGuard(folder: string): ChildProcess {
  const script = `cat >/dev/null
for process in /proc/[0-9]*; do
  case "$(readlink "$process/cwd")/" in "$1/"*) kill -9 "\${process#/proc/}" ;; esac
done
rm -rf "$1"`;
  return spawn("/bin/sh", ["-c", script, "sh", folder], {
    cwd: "/",
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
}

/** Flags of setpriv that make it somebody else. */
export function asUser(user: string | undefined): readonly string[] {
  return user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, "--init-groups"];
}

function idsOf(user: string): number[] {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((one) => one.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return [Number(uid), Number(gid)];
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

/** Waits until `check` gives true; a state, not a time. Throws after 60 s. */
export async function until(what: string, check: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    try {
      if (await check()) return;
    } catch {
      // Not there yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`never came: ${what}`);
}
