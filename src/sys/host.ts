/** What the program knows of the machine it runs on, handed in by `main` so that tests can hand in another. */
import type { RunOptions, RunResult } from "./exec.ts";

export interface Host {
  /** The environment of this process; children get only what a caller passes on. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly hostname: string;
  /** Effective user id; 0 is root. */
  readonly uid: number;
  /** Aborted on SIGINT, SIGTERM and SIGHUP; its reason is an OperatorError. */
  readonly signal: AbortSignal;
  /** Wall clock. */
  now(): Date;
  /** Milliseconds of a clock that never jumps, for durations and deadlines. */
  monotonic(): number;
  /** The one door for child processes (sys/exec.ts), with this host's PATH and, unless another is given, its signal. */
  run(command: readonly string[], options?: RunOptions): Promise<RunResult>;
}

/** For clean-up that has to run to its end after a signal: pass it as `RunOptions.signal`. */
export const UNINTERRUPTED: AbortSignal = new AbortController().signal;
