/** Asks one question on the terminal it is started on, and says what it got. */
import { realHost } from "../../src/sys/real-host.ts";
import { abortOnSignals } from "../../src/sys/signals.ts";
import { realTerminal } from "../../src/sys/terminal.ts";

const signal = abortOnSignals();
const host = realHost(signal);
const terminal = await realTerminal(host.env, signal);
const hidden = process.argv.includes("--hidden");
let said: string;
try {
  const answer = await terminal.ask?.("Name? ", { hidden });
  const again = process.argv.includes("--twice") ? await terminal.ask?.("Again? ") : undefined;
  said = answer === undefined ? "nobody" : JSON.stringify([answer, again].filter(Boolean));
} catch (error) {
  said = `refused: ${error instanceof Error ? error.message : String(error)}`;
}
await terminal.out(`got ${said}\n`);
process.exit(0);
