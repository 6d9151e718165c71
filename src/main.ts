/** argv in, exit code out; the only `process.exit` but that of a second Ctrl-C (sys/signals.ts). */
import { EXIT } from "./errors.ts";
import { forbidCoreDumps } from "./sys/libc.ts";
import { realHost } from "./sys/real-host.ts";
import { abortOnSignals, exitOnSecondInterrupt } from "./sys/signals.ts";
import { realTerminal } from "./sys/terminal.ts";
import { VERSION_LINE } from "./version.ts";

async function main(argv: readonly string[]): Promise<number> {
  // Nothing of a cluster is for other eyes, whatever the caller's umask.
  process.umask(0o077);
  const signal = abortOnSignals();
  exitOnSecondInterrupt();
  const host = realHost(signal);
  const terminal = await realTerminal(host.env, signal);
  // Answered before the rest is loaded, which takes as long again.
  if (argv[0] === "--version") {
    await terminal.out(VERSION_LINE);
    return EXIT.ok;
  }
  await forbidCoreDumps();
  const { COMMANDS } = await import("./cli/root.ts");
  const { runProgram } = await import("./cli/run.ts");
  return runProgram(argv, {
    host,
    terminal,
    workingDirectory: process.cwd(),
    commands: COMMANDS,
  });
}

process.exit(await main(process.argv.slice(2)));
