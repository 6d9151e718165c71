/** Running a program on the build machine, and waiting for it. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";

export interface CommandResult {
  /** 128 plus the number when a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly input?: string | Uint8Array;
  /** Milliseconds; then it and its children are killed and the promise rejects. Default 120 s. */
  readonly timeout?: number;
}

/** A program that was started: wait for `done`, or send it a signal. */
export interface Started {
  readonly pid: number;
  readonly done: Promise<CommandResult>;
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** Runs to the end; never rejects for an exit code. */
export function command(
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return start(argv, options).done;
}

/** Like `command`, and throws when the exit code is not 0. */
export async function must(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await command(argv, options);
  if (exitCode !== 0) throw new Error(`${argv.join(" ")}: exit ${exitCode}: ${stderr.trim()}`);
  return stdout;
}

export function start(argv: readonly string[], options: CommandOptions = {}): Started {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => stdout.push(piece));
  child.stderr.on("data", (piece: Buffer) => stderr.push(piece));
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  const done = new Promise<CommandResult>((resolve, reject) => {
    const limit = options.timeout ?? 120_000;
    const timer = setTimeout(() => {
      for (const pid of [...descendants(child.pid ?? 0), child.pid ?? 0]) kill(pid, "SIGKILL");
      const said = Buffer.concat(stderr).toString().slice(-2000);
      reject(new Error(`no end after ${limit} ms: ${argv.join(" ")}\n${said}`));
    }, limit);
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({
        exitCode: code ?? 128 + (SIGNALS[signal ?? ""] ?? 0),
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
  });
  return { pid: child.pid ?? 0, done };
}

/** All processes below one, the deepest first. */
export function descendants(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
    const own = children === "" ? [] : children.split(" ").map(Number);
    return [...own.flatMap(descendants), ...own];
  } catch {
    return [];
  }
}

/** Sends a signal; a process that has gone is no error. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    if (pid > 1) process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** When a process began, in clock ticks: tells it from a later one with the same number. */
export function startTime(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}
