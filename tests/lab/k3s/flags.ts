/** Command-line flags with the rules of K3s's library (urfave/cli 2): aliases, environment, last one wins. */
import { FrontError } from "./log.ts";

export interface FlagSpec {
  readonly kind: "text" | "switch" | "list";
  /** Names in the library's order: the error about two forms prints the later one first. */
  readonly names: readonly [string, ...string[]];
  /** Environment variables, first found wins. */
  readonly env?: readonly string[];
  readonly fallback?: string;
}

/** The values of one command line, by the first name of each flag. */
export interface Flags {
  text(name: string): string;
  on(name: string): boolean;
  list(name: string): readonly string[];
  /** True when it was given on the command line, in the configuration or in the environment. */
  given(name: string): boolean;
  readonly positional: readonly string[];
}

export class UsageError extends FrontError {}

export function text(names: string, env?: string, fallback?: string): FlagSpec {
  return spec("text", names, env, fallback);
}
export function onOff(names: string, env?: string, fallback?: string): FlagSpec {
  return spec("switch", names, env, fallback);
}
export function list(names: string, env?: string): FlagSpec {
  return spec("list", names, env);
}

function spec(kind: FlagSpec["kind"], names: string, env?: string, fallback?: string): FlagSpec {
  const [first = "", ...others] = names.split(" ");
  return {
    kind,
    names: [first, ...others],
    ...(env === undefined ? {} : { env: env.split(" ") }),
    ...(fallback === undefined ? {} : { fallback }),
  };
}

/** Parses arguments; throws a UsageError with the library's text for unknown flags and for two forms of one flag. */
export function parseFlags(specs: readonly FlagSpec[], args: readonly string[]): Flags {
  const byName = new Map(specs.flatMap((one) => one.names.map((name) => [name, one] as const)));
  const values = new Map<string, string[]>();
  const visited = new Set<string>();
  const positional: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const argument = args[index] ?? "";
    if (argument === "--") {
      positional.push(...args.slice(index + 1));
      break;
    }
    if (!argument.startsWith("-") || argument === "-") {
      positional.push(argument);
      continue;
    }
    const [, name = "", inline] = /^--?([^=]*)(?:=([\s\S]*))?$/.exec(argument) ?? [];
    const found = byName.get(name);
    if (found === undefined) throw new UsageError(`flag provided but not defined: -${name}`);
    let value = inline;
    if (value === undefined) {
      if (found.kind === "switch") value = "true";
      else {
        index += 1;
        value = args[index];
        if (value === undefined) throw new UsageError(`flag needs an argument: -${name}`);
      }
    }
    visited.add(name);
    const [key] = found.names;
    if (found.kind === "list") values.set(key, [...(values.get(key) ?? []), ...value.split(",")]);
    else values.set(key, [value]);
  }
  refuseTwoForms(specs, visited);
  for (const one of specs) fillFromEnvironment(one, values);
  return view(specs, values, positional);
}

function refuseTwoForms(specs: readonly FlagSpec[], visited: ReadonlySet<string>): void {
  for (const { names } of specs) {
    const used = names.filter((name) => visited.has(name));
    const [first, second] = used;
    if (first !== undefined && second !== undefined) {
      throw new UsageError(`Cannot use two forms of the same flag: ${second} ${first}`);
    }
  }
}

function fillFromEnvironment(one: FlagSpec, values: Map<string, string[]>): void {
  if (values.has(one.names[0])) return;
  for (const variable of one.env ?? []) {
    const value = process.env[variable];
    if (value === undefined) continue;
    values.set(one.names[0], one.kind === "list" ? value.split(",") : [value]);
    return;
  }
}

function view(
  specs: readonly FlagSpec[],
  values: ReadonlyMap<string, string[]>,
  positional: readonly string[],
): Flags {
  const known = new Map(specs.map((one) => [one.names[0], one] as const));
  const get = (name: string): string => {
    const one = known.get(name);
    if (one === undefined) throw new TypeError(`no flag ${name}`);
    return values.get(name)?.at(-1) ?? one.fallback ?? "";
  };
  return {
    text: get,
    on: (name) => /^(true|1|t)$/i.test(get(name)),
    list: (name) => (values.get(name) ?? []).filter((value) => value !== ""),
    given: (name) => values.has(name),
    positional,
  };
}

/** The usage text that the library prints on stdout beside a usage error. */
export function usageText(command: string, specs: readonly FlagSpec[]): string {
  const lines = specs.map(({ names, kind }) => {
    const forms = names.map((name) => (name.length === 1 ? `-${name}` : `--${name}`)).join(", ");
    return `   ${forms}${kind === "switch" ? "" : " value"}`;
  });
  return `NAME:\n   k3s ${command} (lab stand-in)\n\nUSAGE:\n   k3s ${command} [OPTIONS]\n\nOPTIONS:\n${lines.join("\n")}\n`;
}
