/** Debian's databases and proxies as processes of a test: each in a folder of its own, on loopback, gone with the test. */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { chownSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
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
  const children: ChildProcess[] = [];
  const words = (argv: readonly string[], user: string | undefined): string[] =>
    user === undefined ? [...argv] : ["setpriv", ...asUser(user), "--", ...argv];
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
      // The kernel forgets this signal when the user changes, so it is set in one step with it.
      const args = ["--pdeathsig", "KILL", ...asUser(options.user), "--", ...argv];
      const child = spawn("setpriv", args, {
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
      for (const child of children.toReversed()) child.kill("SIGKILL");
      await Promise.all(children.map((child) => ended(child)));
      rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
    },
  };
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

/** A port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
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
