/** Where talk goes line by line: consola with a reporter of our own, so that nothing of it reaches stdout. */
import { LogLevels, createConsola } from "consola/core";
import type { Terminal } from "../sys/terminal.ts";

export interface Log {
  info(line: string): void;
  warn(line: string): void;
  error(line: string): void;
}

/** Priorities of sd-daemon(3). */
const PRIORITY: Readonly<Record<string, string>> = { error: "<3>", warn: "<4>", info: "<6>" };

/** Lines to stderr; with `quiet` only warnings and errors; with priorities when stderr is the journal. */
export function makeLog(options: { readonly terminal: Terminal; readonly quiet: boolean }): Log {
  const { terminal, quiet } = options;
  const consola = createConsola({
    level: quiet ? LogLevels.warn : LogLevels.info,
    throttleMin: Number.POSITIVE_INFINITY, // two equal hints are two hints
    reporters: [
      {
        log({ type, args }) {
          const prefix = terminal.stderrIsJournal ? (PRIORITY[type] ?? "") : "";
          terminal.err(`${prefix}${args.join(" ")}\n`);
        },
      },
    ],
  });
  return {
    info: (line) => consola.info(line),
    warn: (line) => consola.warn(line),
    error: (line) => consola.error(line),
  };
}
