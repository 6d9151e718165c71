/**
 * Strict reading of the command line. `node:util` splits argv into tokens;
 * everything a person can get wrong is decided here, because a flag silently
 * ignored by a backup tool is a backup not made.
 */
import { parseArgs } from "node:util";
import { OperatorError } from "../errors.ts";
import { nearest } from "./suggest.ts";
import type { Command, Flag, Input } from "./command.ts";

/**
 * Checks `argv` (without the command's name) against what the command
 * declares. Throws an OperatorError `USAGE` for an unknown or repeated flag, a
 * value missing or given to a switch, and too many or too few arguments.
 */
export function parseInput(argv: readonly string[], command: Command): Input {
  const flags = new Map(command.flags.map((flag) => [flag.name, flag]));
  const values = new Map<string, string[]>();
  const positionals: string[] = [];
  for (const token of tokensOf(argv, command.flags)) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const flag = flags.get(token.name);
    if (flag === undefined) throw unknownFlag(token.rawName, command);
    const given = values.get(flag.name) ?? [];
    if (given.length > 0 && flag.kind === "text") {
      throw usage(`${token.rawName} is given more than once`, command);
    }
    given.push(valueOf(token, flag, command));
    values.set(flag.name, given);
  }
  checkPositionals(positionals, command);
  return inputOf(command, values, positionals);
}

/** The error every mistake on the command line becomes. */
export function usage(message: string, command: Pick<Command, "name"> | undefined): OperatorError {
  const name = command === undefined ? "" : ` ${command.name}`;
  return new OperatorError("usage", "USAGE", message, {
    hint: `see: railiance-cluster${name} --help`,
  });
}

type Token = NonNullable<ReturnType<typeof tokensOf>>[number];

function tokensOf(argv: readonly string[], flags: readonly Flag[]) {
  const options = Object.fromEntries(
    flags.map((flag) => [
      flag.name,
      {
        type: flag.kind === "boolean" ? ("boolean" as const) : ("string" as const),
        multiple: true,
        ...(flag.short === undefined ? {} : { short: flag.short }),
      },
    ]),
  );
  return parseArgs({ args: [...argv], options, strict: false, tokens: true }).tokens;
}

function valueOf(token: Extract<Token, { kind: "option" }>, flag: Flag, command: Command): string {
  const { value } = token;
  if (flag.kind === "boolean") {
    if (value === undefined) return "";
    throw usage(`${token.rawName} takes no value`, command);
  }
  if (value === undefined || value === "") {
    throw usage(`${token.rawName} needs a value (${flag.value ?? "VALUE"})`, command);
  }
  // `--out --force` would otherwise take --force as the value.
  if (token.inlineValue === false && value.startsWith("-") && value !== "-") {
    throw usage(
      `${token.rawName} needs a value, not another flag; to mean it, write --${flag.name}=${value}`,
      command,
    );
  }
  return value;
}

function unknownFlag(rawName: string, command: Command): OperatorError {
  const long = rawName.startsWith("--");
  const name = long
    ? nearest(
        rawName.slice(2),
        command.flags.map((flag) => flag.name),
      )
    : undefined;
  const guess = name === undefined ? "" : `; did you mean --${name}?`;
  return usage(`${command.name} has no flag ${rawName}${guess}`, command);
}

function checkPositionals(positionals: readonly string[], command: Command): void {
  const required = command.positionals.filter((one) => one.count === "required").length;
  const open = command.positionals.some((one) => one.count === "many");
  const extra = positionals[command.positionals.length];
  if (!open && extra !== undefined) {
    throw usage(`${command.name} does not expect "${extra}"`, command);
  }
  if (positionals.length < required) {
    const missing = command.positionals[positionals.length];
    throw usage(`${command.name} needs ${missing?.name ?? "an argument"}`, command);
  }
}

function inputOf(
  command: Command,
  values: ReadonlyMap<string, readonly string[]>,
  positionals: readonly string[],
): Input {
  const of = (name: string, kind: Flag["kind"]): readonly string[] => {
    if (!command.flags.some((flag) => flag.name === name && flag.kind === kind)) {
      throw new TypeError(`${command.name} declares no ${kind} flag --${name}`);
    }
    return values.get(name) ?? [];
  };
  return {
    has: (name) => of(name, "boolean").length > 0,
    text: (name) => of(name, "text")[0],
    list: (name) => [...of(name, "list")],
    positionals,
  };
}
