/** argv in, exit code out; the only `process.exit`. */
import { COMMANDS } from "./cli/root.ts";
import { runProgram } from "./cli/run.ts";
import { EXIT } from "./errors.ts";
import { realHost } from "./sys/real-host.ts";
import { abortOnSignals } from "./sys/signals.ts";
import { realTerminal } from "./sys/terminal.ts";

async function main(): Promise<number> {
  // Nothing of a cluster is for other eyes, whatever the caller's umask.
  process.umask(0o077);
  const signal = abortOnSignals();
  let interrupts = 0;
  process.on("SIGINT", () => {
    interrupts += 1;
    // The first one unwinds; who presses again does not want to wait.
    if (interrupts > 1) process.exit(EXIT.interrupted);
  });
  const host = realHost(signal);
  return runProgram(process.argv.slice(2), {
    host,
    terminal: await realTerminal(host.env, signal),
    workingDirectory: process.cwd(),
    commands: COMMANDS,
  });
}

process.exit(await main());
