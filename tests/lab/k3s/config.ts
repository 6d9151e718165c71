/** config.yaml and its drop-ins as command-line arguments (k3s-observed.md 8 to 10). */
import { readdirSync, readFileSync } from "node:fs";
import { parseDocument } from "yaml";
import type { FlagSpec } from "./flags.ts";
import { FrontError, log } from "./log.ts";

const DEFAULT_CONFIG = "/etc/rancher/k3s/config.yaml";

/**
 * The arguments that stand in the configuration, to be put before the typed
 * ones. A missing file counts as empty, even one named by `--config`. A key
 * the command does not know is skipped with a warning.
 * Throws FrontError on broken YAML, with Go's wording.
 */
export function configurationArguments(
  specs: readonly FlagSpec[],
  typed: readonly string[],
): string[] {
  const file = configurationFile(typed);
  const merged = new Map<string, readonly string[]>();
  for (const path of [file, ...dropIns(`${file}.d`)]) {
    for (const [key, values] of readSettings(path)) {
      const append = key.endsWith("+");
      const name = append ? key.slice(0, -1) : key;
      merged.set(name, append ? [...(merged.get(name) ?? []), ...values] : values);
    }
  }
  const known = new Set(specs.flatMap((one) => one.names));
  const args: string[] = [];
  for (const [name, values] of merged) {
    if (known.has(name)) args.push(...values.map((value) => `--${name}=${value}`));
    else log.warning(`Unknown flag --${name} found in config.yaml, skipping\n`);
  }
  return args;
}

/** K3S_CONFIG_FILE beats `--config`, which beats the default. */
function configurationFile(typed: readonly string[]): string {
  const fromEnvironment = process.env["K3S_CONFIG_FILE"];
  if (fromEnvironment !== undefined && fromEnvironment !== "") return fromEnvironment;
  for (const [index, argument] of typed.entries()) {
    const [, inline] = /^(?:--?config|-c)=(.*)$/.exec(argument) ?? [];
    if (inline !== undefined) return inline;
    if (/^(--?config|-c)$/.test(argument)) return typed[index + 1] ?? "";
  }
  return DEFAULT_CONFIG;
}

function dropIns(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.ya?ml$/.test(name))
      .sort()
      .map((name) => `${folder}/${name}`);
  } catch {
    return [];
  }
}

function readSettings(path: string): [string, readonly string[]][] {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch {
    return [];
  }
  const document = parseDocument(content);
  const [problem] = document.errors;
  if (problem !== undefined) {
    // Go's yaml speaks of the line and of what it expected there; only the flow form was observed.
    // It counts lines from 0, and an open bracket is noticed on the line after it.
    const line = Math.max(1, (problem.linePos?.[0].line ?? 1) - 1);
    const flow = /flow|collection|\]|\}/i.test(problem.message);
    throw new FrontError(
      `yaml: line ${line}: ${flow ? "did not find expected ',' or ']'" : "could not find expected ':'"}`,
    );
  }
  const settings: unknown = document.toJS();
  if (settings === null || typeof settings !== "object") return [];
  return Object.entries(settings).map(([key, value]: [string, unknown]) => [key, asValues(value)]);
}

function asValues(value: unknown): string[] {
  if (value === null || value === undefined) return [""];
  if (Array.isArray(value)) return value.map(String);
  if (typeof value === "object") return [JSON.stringify(value)];
  return [String(value)]; // eslint-disable-line typescript/no-base-to-string -- a scalar
}
