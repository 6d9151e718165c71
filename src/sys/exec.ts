/** The one door for child processes: argument arrays, exact environment, time-out, bounded output. */
import { spawn } from "node:child_process";
import { OperatorError, systemCode } from "../errors.ts";

export interface RunOptions {
  /** Added to a minimal environment (PATH, HOME, LANG=C.UTF-8); nothing else is inherited. Never put a secret here. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Milliseconds until the child and all it started get SIGTERM, and 5 s later SIGKILL. Default 120,000; 0 means none. */
  readonly timeout?: number;
  /** Bytes of stdout kept at the most; more is an error. Default 64 MiB. */
  readonly maxOutput?: number;
  /** Written to the child's stdin, which is then closed. */
  readonly input?: string | Uint8Array;
  readonly signal?: AbortSignal;
  /** Called with each piece of stderr as it comes, for progress. */
  readonly onStderr?: (text: string) => void;
  /** The same for stdout, which is then not kept in the result and not bounded. */
  readonly onStdout?: (text: string) => void;
}

export interface RunResult {
  readonly command: readonly string[];
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly exitSignal: string | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  /** The last 64 KiB of stderr. */
  readonly stderr: string;
  readonly duration: number;
}

const STDERR_KEPT = 64 * 1024;
const KILL_GRACE = 5_000;
const PIPE_GRACE = 2_000;

/**
 * Runs a program to its end. Resolves for every exit code: what an exit code
 * means is the caller's business. Throws an OperatorError `TOOL_MISSING` when
 * the program is not on PATH, `INTERRUPTED` when `signal` aborts.
 */
export function runCommand(
  command: readonly string[],
  options: RunOptions & { readonly path: string; readonly home: string },
): Promise<RunResult> {
  const [program, ...args] = command;
  if (program === undefined) throw new TypeError("cannot run an empty command");
  if (options.signal?.aborted) return Promise.reject(options.signal.reason);
  const started = performance.now();
  const env: Record<string, string> = {
    PATH: options.path,
    HOME: options.home,
    LANG: "C.UTF-8",
  };
  for (const [key, value] of Object.entries(options.env ?? {})) {
    if (value !== undefined) env[key] = value;
  }
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env,
      cwd: options.cwd ?? "/",
      // A group of its own: Ctrl-C reaches us alone, who decide what has to end
      // how, and what the child started can be ended with it.
      detached: true,
      stdio: [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    const stdout: Uint8Array[] = [];
    let stdoutSize = 0;
    let stderr = "";
    let timedOut = false;
    let overflow = false;
    let failure: unknown;
    let killTimer: ReturnType<typeof setTimeout> | undefined;
    let drainTimer: ReturnType<typeof setTimeout> | undefined;
    let stopped = false;
    const stop = (): void => {
      stopped = true;
      killGroup(child.pid, "SIGTERM");
      killTimer ??= setTimeout(() => killGroup(child.pid, "SIGKILL"), KILL_GRACE);
    };
    const onAbort = (): void => {
      failure = options.signal?.reason;
      stop();
    };
    const timeout = options.timeout ?? 120_000;
    const timer =
      timeout > 0
        ? setTimeout(() => {
            timedOut = true;
            stop();
          }, timeout)
        : undefined;
    options.signal?.addEventListener("abort", onAbort, { once: true });
    const settle = (): void => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      clearTimeout(drainTimer);
      options.signal?.removeEventListener("abort", onAbort);
    };
    const stdoutDecoder = new TextDecoder();
    child.stdout?.on("data", (chunk: Uint8Array) => {
      if (options.onStdout !== undefined) {
        options.onStdout(stdoutDecoder.decode(chunk, { stream: true }));
        return;
      }
      stdoutSize += chunk.length;
      if (stdoutSize > (options.maxOutput ?? 64 * 1024 * 1024)) {
        overflow = true;
        stop();
      } else stdout.push(chunk);
    });
    const decoder = new TextDecoder();
    child.stderr?.on("data", (chunk: Uint8Array) => {
      const text = decoder.decode(chunk, { stream: true });
      stderr = (stderr + text).slice(-STDERR_KEPT);
      options.onStderr?.(text);
    });
    child.stdin?.on("error", () => undefined); // EPIPE: the exit code tells the story
    if (options.input !== undefined) child.stdin?.end(options.input);
    // A grandchild may keep the pipes open after its parent ended: do not wait for it.
    child.on("exit", () => {
      if (stopped) killGroup(child.pid, "SIGKILL"); // children that outlived it
      drainTimer = setTimeout(() => {
        child.stdout?.destroy();
        child.stderr?.destroy();
      }, PIPE_GRACE);
    });
    child.on("error", (error) => {
      settle();
      reject(spawnError(program, error));
    });
    child.on("close", (exitCode, exitSignal) => {
      settle();
      if (failure !== undefined) return reject(failure);
      if (overflow) {
        return reject(
          new OperatorError("error", "OUTPUT_TOO_LARGE", `${program} printed more than expected`, {
            hint: `run ${program} by hand and see what it prints`,
          }),
        );
      }
      resolve({
        command,
        exitCode,
        exitSignal,
        timedOut,
        stdout: new TextDecoder().decode(Buffer.concat(stdout)),
        stderr,
        duration: performance.now() - started,
      });
    });
  });
}

/** Signals a process and everything it started; gone already is no error. */
function killGroup(pid: number | undefined, signal: "SIGTERM" | "SIGKILL"): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if (systemCode(error) !== "ESRCH") throw error;
  }
}

function spawnError(program: string, error: unknown): unknown {
  const code = systemCode(error);
  if (code === "ENOENT") {
    return new OperatorError("precondition", "TOOL_MISSING", `${program} is not on PATH`, {
      hint: "install it, or add its folder to PATH",
      cause: error,
    });
  }
  if (code === "EACCES") {
    return new OperatorError("precondition", "TOOL_MISSING", `${program} cannot be executed`, {
      hint: `look at: ls -l ${program}`,
      cause: error,
    });
  }
  return error;
}

/** The last lines of a program's stderr on one line, for an error sentence; empty when it said nothing. */
export function tailOf(result: RunResult, lines = 3): string {
  return result.stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .slice(-lines)
    .join(" · ");
}
