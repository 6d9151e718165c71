/** K3s's log lines on stderr, in logrus's two forms: `time=… level=… msg=…` when piped, coloured on a terminal. */
import { writeSync } from "node:fs";
import { isatty } from "node:tty";

type Level = "debug" | "info" | "warning" | "error" | "fatal";

const started = performance.now();
const SHORT: Record<Level, readonly [name: string, colour: number]> = {
  debug: ["DEBU", 37],
  info: ["INFO", 36],
  warning: ["WARN", 33],
  error: ["ERRO", 31],
  fatal: ["FATA", 31],
};

function emit(level: Level, message: string): void {
  const [name, colour] = SHORT[level];
  const seconds = String(Math.floor((performance.now() - started) / 1000)).padStart(4, "0");
  const time = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  // Logrus pads the message to 44 columns on a terminal; a blank follows it (transcript 02-save-pty).
  const line = isatty(2)
    ? `\u001b[${colour}m${name}\u001b[0m[${seconds}] ${message.padEnd(44)} \n`
    : `time="${time}" level=${level} msg=${quote(message)}\n`;
  try {
    writeSync(2, line);
  } catch {
    // A reader that went away must not stop a server.
  }
}

function quote(message: string): string {
  return /^[-a-zA-Z0-9._/@^+]+$/.test(message) ? message : JSON.stringify(message);
}

export const log = {
  info: (message: string): void => emit("info", message),
  warning: (message: string): void => emit("warning", message),
  error: (message: string): void => emit("error", message),
};

/** Logs at level fatal and ends the process with exit code 1, as logrus does. */
export function fatal(message: string): never {
  emit("fatal", message);
  process.exit(1);
}

/** A failure whose text K3s prints as `Error: …` at level fatal. */
export class FrontError extends Error {}

/** What a person reads of anything thrown. */
export function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
