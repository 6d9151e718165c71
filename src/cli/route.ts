/** What the first words of the command line ask for. */
import { usage } from "./argv.ts";
import { nearest } from "./suggest.ts";
import type { Command } from "./command.ts";

export type Route =
  | { readonly kind: "help"; readonly command: Command | undefined }
  | { readonly kind: "version" }
  /** Nothing was asked: the help, but as a mistake. */
  | { readonly kind: "nothing" }
  | { readonly kind: "run"; readonly command: Command; readonly argv: readonly string[] };

/**
 * Finds the command. Flags every command has may stand before its name.
 * Throws an OperatorError `USAGE` for a command or flag that does not exist.
 */
export function route(argv: readonly string[], commands: readonly Command[]): Route {
  const before = argv.findIndex((word) => !word.startsWith("-") || word === "-");
  const leading = before === -1 ? argv : argv.slice(0, before);
  const name = before === -1 ? undefined : argv[before];
  if (leading.includes("--version") || leading.includes("-V")) return { kind: "version" };
  for (const flag of leading) {
    if (!LEADING.includes(flag)) throw unknownLeading(flag, name);
  }
  if (name === undefined) {
    return wantsHelp(leading) ? { kind: "help", command: undefined } : { kind: "nothing" };
  }
  const rest = argv.slice(before + 1);
  if (name === "help") return { kind: "help", command: helpTopic(rest, commands) };
  const command = find(name, commands);
  if (wantsHelp(leading) || wantsHelp(rest)) return { kind: "help", command };
  return { kind: "run", command, argv: [...leading, ...rest] };
}

/** Whether `--json` is among the flags, also when the rest of the line is wrong. */
export function wantsJson(argv: readonly string[]): boolean {
  return flagsOf(argv).includes("--json");
}

const LEADING = ["--json", "--quiet", "-q", "--no-color", "--help", "-h"];

function wantsHelp(argv: readonly string[]): boolean {
  return flagsOf(argv).some((word) => word === "--help" || word === "-h");
}

/** What stands after `--` is never a flag. */
function flagsOf(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf("--");
  return end === -1 ? argv : argv.slice(0, end);
}

function helpTopic(rest: readonly string[], commands: readonly Command[]): Command | undefined {
  const topic = rest.find((word) => !word.startsWith("-"));
  return topic === undefined ? undefined : find(topic, commands);
}

function find(name: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  const guess = nearest(
    name,
    commands.map((command) => command.name),
  );
  const suggestion = guess === undefined ? "" : `; did you mean ${guess}?`;
  throw usage(`there is no command "${name}"${suggestion}`, undefined);
}

function unknownLeading(flag: string, name: string | undefined) {
  const guess = nearest(flag, [...LEADING, "--version"]);
  const suggestion = guess === undefined ? "" : `; did you mean ${guess}?`;
  const place = name === undefined ? "" : " (flags of a command stand after its name)";
  return usage(`there is no flag ${flag} here${suggestion}${place}`, undefined);
}
