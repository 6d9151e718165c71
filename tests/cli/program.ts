/** Runs the program as a child process with exactly the environment a test gives it. */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ChildProcess } from "node:child_process";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const COMPILED = join(ROOT, "dist/railiance-cluster");
if (!existsSync(COMPILED)) throw new Error("dist/railiance-cluster is missing: run make build");

/** The two ways the program is run: from sources, and as it is shipped. */
export const PROGRAMS: readonly { readonly name: string; readonly command: readonly string[] }[] = [
  { name: "from sources", command: [process.execPath, join(ROOT, "src/main.ts")] },
  { name: "compiled", command: [COMPILED] },
];

/** Results of runs that do not care go here, not into the folder of this machine. */
const RESULTS = mkdtempSync(join(tmpdir(), "railiance-results-"));
process.on("exit", () => rmSync(RESULTS, { recursive: true, force: true }));

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Options {
  /** The whole environment, but for RAILIANCE_RESULT_DIR. Default: none. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Called once the child runs. */
  readonly during?: (child: ChildProcess) => Promise<void>;
}

export async function run(command: readonly string[], options: Options = {}): Promise<Ended> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    env: { RAILIANCE_RESULT_DIR: RESULTS, ...options.env },
    cwd: options.cwd ?? "/",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const out: Uint8Array[] = [];
  const err: Uint8Array[] = [];
  child.stdout.on("data", (chunk: Uint8Array) => out.push(chunk));
  child.stderr.on("data", (chunk: Uint8Array) => err.push(chunk));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const [stdout, stderr] = [Buffer.concat(out).toString(), Buffer.concat(err).toString()];
      resolve({ code, signal, stdout, stderr });
    });
  });
  await options.during?.(child);
  return ended;
}

/** A bash script; `$1` and so on are `args`. */
export function bash(
  script: string,
  args: readonly string[],
  options: Options = {},
): Promise<Ended> {
  return run(["/bin/bash", "-c", script, "bash", ...args], {
    ...options,
    env: { PATH: "/usr/bin:/bin", ...options.env },
  });
}

/** A folder that is gone after the test. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), "railiance-cli-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
