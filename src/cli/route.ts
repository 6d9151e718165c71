/** What the first words of the command line ask for. */
import { usage } from "./argv.ts";
import { nearest } from "./suggest.ts";
import type { Command, CommandGroup } from "./command.ts";

/** What help is about: a command, a group of them, or (undefined) the program. */
export type Topic =
  | { readonly command: Command; readonly group?: undefined }
  | { readonly group: CommandGroup; readonly command?: undefined }
  | undefined;

export type Route =
  | { readonly kind: "help"; readonly topic: Topic }
  | { readonly kind: "version" }
  /** Nothing was asked, of the program or of a group: the help, but as a mistake. */
  | { readonly kind: "nothing"; readonly topic: Topic }
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
    return { kind: wantsHelp(leading) ? "help" : "nothing", topic: undefined };
  }
  const rest = argv.slice(before + 1);
  if (name === "help") return { kind: "help", topic: helpTopic(rest, commands) };
  const group = groupOf(name, commands);
  if (group !== undefined) return routeInGroup(group, { leading, rest, commands });
  const command = find(name, commands);
  if (wantsHelp(leading) || wantsHelp(rest)) return { kind: "help", topic: { command } };
  return { kind: "run", command, argv: [...leading, ...rest] };
}

/** The group a word stands for, if it is one. */
export function groupOf(word: string, commands: readonly Command[]): CommandGroup | undefined {
  return commands.find(({ group }) => group?.name === word)?.group;
}

/** The commands of a group. */
export function commandsOf(group: CommandGroup, commands: readonly Command[]): Command[] {
  return commands.filter((command) => command.group?.name === group.name);
}

interface InGroup {
  readonly leading: readonly string[];
  readonly rest: readonly string[];
  readonly commands: readonly Command[];
}

function routeInGroup(group: CommandGroup, { leading, rest, commands }: InGroup): Route {
  const at = rest.findIndex((word) => !word.startsWith("-") || word === "-");
  const between = at === -1 ? rest : rest.slice(0, at);
  const word = at === -1 ? undefined : rest[at];
  const strange = between.find((flag) => !LEADING.includes(flag));
  if (strange !== undefined) throw unknownLeading(strange, word ?? group.name);
  const asksHelp = wantsHelp(leading) || wantsHelp(rest);
  if (word === undefined || word === "help") {
    const after = at === -1 ? undefined : rest.slice(at + 1).find((one) => !one.startsWith("-"));
    if (after !== undefined)
      return { kind: "help", topic: { command: findIn(group, after, commands) } };
    return { kind: asksHelp || word === "help" ? "help" : "nothing", topic: { group } };
  }
  const command = findIn(group, word, commands);
  if (asksHelp) return { kind: "help", topic: { command } };
  return { kind: "run", command, argv: [...leading, ...between, ...rest.slice(at + 1)] };
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

function helpTopic(rest: readonly string[], commands: readonly Command[]): Topic {
  const [word, inner] = rest.filter((one) => !one.startsWith("-"));
  if (word === undefined) return undefined;
  const group = groupOf(word, commands);
  if (group === undefined) return { command: find(word, commands) };
  return inner === undefined ? { group } : { command: findIn(group, inner, commands) };
}

function findIn(group: CommandGroup, word: string, commands: readonly Command[]): Command {
  const inside = commandsOf(group, commands);
  const found = inside.find(({ name }) => name === `${group.name} ${word}`);
  if (found !== undefined) return found;
  const guess = nearest(
    word,
    inside.map(({ name }) => name.slice(group.name.length + 1)),
  );
  const suggestion = guess === undefined ? "" : `; did you mean ${group.name} ${guess}?`;
  throw usage(`${group.name} has no command "${word}"${suggestion}`, group);
}

function find(name: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === name && command.group === undefined);
  if (found !== undefined) return found;
  const guess = nearest(
    name,
    commands.map((command) => command.group?.name ?? command.name),
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
