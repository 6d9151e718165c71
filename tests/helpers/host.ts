/** A Host for tests: real processes through sys/exec.ts, but with a PATH and an environment of the test's choice. */
import { runCommand } from "../../src/sys/exec.ts";
import type { Host } from "../../src/sys/host.ts";

export interface TestHostOptions {
  /** Where programs are looked up, colon-separated. Default: this process's PATH. */
  readonly path?: string;
  /** The environment the host shows; children still get only what a caller passes on. Default: empty. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** HOME of children. Default `/nonexistent`, so that nothing of the tester's own leaks in. */
  readonly home?: string;
  readonly hostname?: string;
  readonly uid?: number;
  readonly signal?: AbortSignal;
  /** A fixed wall clock. Default: the real one. */
  readonly now?: () => Date;
}

/** Makes a host whose `run` starts real programs found on `path`. */
export function testHost(options: TestHostOptions = {}): Host {
  const path = options.path ?? process.env["PATH"] ?? "";
  const signal = options.signal ?? new AbortController().signal;
  return {
    env: { PATH: path, ...options.env },
    hostname: options.hostname ?? "test-host",
    uid: options.uid ?? 0,
    signal,
    now: options.now ?? (() => new Date()),
    monotonic: () => performance.now(),
    run: (command, runOptions = {}) =>
      runCommand(command, { signal, ...runOptions, path, home: options.home ?? "/nonexistent" }),
  };
}
