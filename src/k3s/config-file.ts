/** K3s's `config.yaml` and its drop-ins, merged as K3s merges them. */
import { LineCounter, parseDocument } from "yaml";
import { OperatorError } from "../errors.ts";
import { HOST_FILES } from "./file-view.ts";
import type { FileView } from "./file-view.ts";

export const DEFAULT_CONFIG = "/etc/rancher/k3s/config.yaml";

export interface ConfigFile {
  /** The files read, main file first; none when there is no configuration. */
  readonly files: readonly string[];
  /** One list of values a key, as flags would give them; keys without leading dashes. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads `path` and `path.d/*.yaml`. A later file replaces a key, `key+` adds
 * to it (K3s pkg/configfilearg). A missing file is an empty configuration:
 * K3s silently ignores it too (k3s-observed.md 10). Throws an OperatorError
 * `K3S_CONFIG_INVALID` with file and line when the YAML is broken.
 */
export async function readConfigFile(
  path: string,
  view: FileView = HOST_FILES,
): Promise<ConfigFile> {
  const files: string[] = [];
  const values = new Map<string, readonly string[]>();
  const dropIns = (await view.names(`${path}.d`))
    .filter((name) => name.endsWith(".yaml") || name.endsWith(".yml"))
    .map((name) => `${path}.d/${name}`);
  for (const file of [path, ...dropIns]) {
    const text = await view.text(file);
    if (text === undefined) continue;
    files.push(file);
    for (const [key, value] of parseConfig(text, file)) {
      const name = key.replace(/\+$/, "");
      values.set(name, key.endsWith("+") ? [...(values.get(name) ?? []), ...value] : value);
    }
  }
  return { files, values };
}

/** The keys of one file in its order; scalars become lists of one. */
export function parseConfig(text: string, file: string): [string, string[]][] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, logLevel: "silent" });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line } = lines.linePos(error.pos[0]);
    throw new OperatorError(
      "usage",
      "K3S_CONFIG_INVALID",
      `${file} line ${line} is not valid YAML`,
      {
        hint: "K3s would not start with it either: mend the file, then run this again",
      },
    );
  }
  const content: unknown = document.toJS();
  if (content === null || content === undefined) return [];
  if (typeof content !== "object" || Array.isArray(content)) {
    throw new OperatorError("usage", "K3S_CONFIG_INVALID", `${file} is not a list of settings`, {
      hint: "it must hold `key: value` lines, as K3s reads them",
    });
  }
  return Object.entries(content).map(([key, value]) => [key, listOf(value)]);
}

function listOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(listOf);
  if (value === null || value === undefined) return [];
  return [typeof value === "string" ? value : JSON.stringify(value)];
}
