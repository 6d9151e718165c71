/** The systemd unit that runs K3s: its flags, environment and the files it names. */
import { HOST_FILES } from "./file-view.ts";
import { splitWords } from "./shell-words.ts";
import type { FileView } from "./file-view.ts";

/** Name of the unit that K3s's install.sh makes for a server. */
export const UNIT = "k3s.service";

const UNIT_FOLDERS = [
  "/etc/systemd/system",
  "/usr/local/lib/systemd/system",
  "/usr/lib/systemd/system",
  "/lib/systemd/system",
];

export interface Unit {
  /** The unit and its drop-ins, in the order systemd reads them. */
  readonly files: readonly string[];
  /** Environment files that exist. */
  readonly environmentFiles: readonly string[];
  /** Absolute path of the k3s program in ExecStart. */
  readonly program: string;
  /** Arguments after `server`. */
  readonly flags: readonly string[];
  /** What the unit and its environment files set; may hold secrets. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Reads the unit; undefined when this host has none. Does not ask systemd, so it also works when systemd does not run. */
export async function readUnit(view: FileView = HOST_FILES): Promise<Unit | undefined> {
  const files: string[] = [];
  let text = "";
  for (const folder of UNIT_FOLDERS) {
    const content = await view.text(`${folder}/${UNIT}`);
    if (content === undefined) continue;
    files.push(`${folder}/${UNIT}`);
    text = content;
    break;
  }
  if (files.length === 0) return undefined;
  for (const dropIn of await dropIns(view)) {
    files.push(dropIn);
    text += `\n[Service]\n${(await view.text(dropIn)) ?? ""}`;
  }
  const settings = parseUnit(text);
  const environment: Record<string, string> = {};
  for (const assignment of settings.environment) assign(environment, assignment);
  const environmentFiles: string[] = [];
  for (const path of settings.environmentFiles) {
    const content = await view.text(path);
    if (content === undefined) continue;
    environmentFiles.push(path);
    for (const line of parseEnvironmentFile(content)) assign(environment, line);
  }
  const [program = "/usr/local/bin/k3s", subcommand, ...flags] = splitWords(settings.execStart);
  return {
    files,
    environmentFiles,
    program: program.replace(/^[-@:+!|]+/, ""),
    flags: subcommand === "server" ? flags : [],
    environment,
  };
}

async function dropIns(view: FileView): Promise<string[]> {
  // A drop-in of a name in an earlier folder hides the later ones (systemd.unit(5)).
  const found = new Map<string, string>();
  for (const folder of [...UNIT_FOLDERS].reverse()) {
    for (const name of await view.names(`${folder}/${UNIT}.d`)) {
      if (name.endsWith(".conf")) found.set(name, `${folder}/${UNIT}.d/${name}`);
    }
  }
  return [...found].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, path]) => path);
}

interface UnitSettings {
  readonly execStart: string;
  readonly environment: readonly string[];
  readonly environmentFiles: readonly string[];
}

/**
 * The settings of a unit text with its drop-ins appended. Lines joined by a
 * trailing backslash are one; an empty assignment clears what came before.
 */
export function parseUnit(text: string): UnitSettings {
  let execStart = "";
  let environment: string[] = [];
  let environmentFiles: string[] = [];
  for (const line of text.replace(/\\\n/g, " ").split("\n")) {
    const match = /^\s*(ExecStart|Environment|EnvironmentFile)\s*=\s*(.*?)\s*$/.exec(line);
    const value = match?.[2] ?? "";
    if (match?.[1] === "ExecStart" && value !== "") execStart = value;
    if (match?.[1] === "Environment") {
      environment = value === "" ? [] : [...environment, ...splitWords(value)];
    }
    if (match?.[1] === "EnvironmentFile") {
      const path = value.replace(/^-/, "").replaceAll("%N", "k3s").replaceAll("%n", UNIT);
      environmentFiles = value === "" ? [] : [...environmentFiles, path];
    }
  }
  return { execStart, environment, environmentFiles };
}

/** `KEY=value` lines; comments and blanks skipped, one pair of quotes around the value removed. */
export function parseEnvironmentFile(text: string): string[] {
  return text
    .replace(/\\\n/g, "")
    .split("\n")
    .map((line) => line.trim().replace(/^export\s+/, ""))
    .filter((line) => line !== "" && !/^[#;]/.test(line) && line.includes("="))
    .map((line) => {
      const at = line.indexOf("=");
      const value = line.slice(at + 1).trim();
      const quoted = /^(["'])(.*)\1$/.exec(value);
      return `${line.slice(0, at).trim()}=${quoted?.[2] ?? value}`;
    });
}

function assign(environment: Record<string, string>, assignment: string): void {
  const at = assignment.indexOf("=");
  if (at > 0) environment[assignment.slice(0, at)] = assignment.slice(at + 1);
}
