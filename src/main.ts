/** argv in, exit code out; the only `process.exit`. */
import { EXIT } from "./errors.ts";
import { realHost } from "./sys/real-host.ts";
import { abortOnSignals } from "./sys/signals.ts";
import { realTerminal } from "./sys/terminal.ts";

async function main(): Promise<number> {
  // Loaded here, so that --version answers before the program is.
  const [{ COMMANDS }, { runProgram }] = await Promise.all([
    import("./cli/root.ts"),
    import("./cli/run.ts"),
  ]);
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

if (process.argv[2] === "--version") { process.stdout.write(`railiance\n`); process.exit(0); }
process.exit(await main());
