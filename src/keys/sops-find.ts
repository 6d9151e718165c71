/** Finding and reading the `.sops.yaml` that SOPS would use. */
import { dirname, join } from "node:path";
import { OperatorError, systemCode } from "../errors.ts";
import { readTextIfPresent, statOf } from "../sys/files.ts";
import { absolutePath, shownPath } from "./key-file.ts";
import { valueOf } from "./user-folders.ts";
import type { KeyWarning } from "./found.ts";
import type { Host } from "../sys/host.ts";

/** SOPS stops after as many folders (config/config.go maxDepth). */
const LEVELS = 100;
const SIZE_LIMIT = 1024 * 1024;

export interface SopsFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
}

export interface SopsSearch {
  readonly file?: SopsFile;
  readonly warnings: readonly KeyWarning[];
}

/**
 * The file named by `sopsConfig` or SOPS_CONFIG, else `.sops.yaml` in the
 * working directory or the nearest folder above it. Throws an OperatorError
 * (exit `usage`) when a named file is missing or one cannot be read.
 */
export async function findSopsFile(
  host: Host,
  options: { readonly sopsConfig?: string; readonly workingDirectory: string },
): Promise<SopsSearch> {
  const named = options.sopsConfig ?? valueOf(host, "SOPS_CONFIG");
  if (named !== undefined) {
    const path = absolutePath(named, options.workingDirectory);
    const shown = shownPath(named) === named ? path : `(${shownPath(named)})`;
    const text = await readConfig(path, shown);
    if (text !== undefined)
      return { file: { path, text }, warnings: await ownerWarnings(host, path) };
    const by = options.sopsConfig === undefined ? "SOPS_CONFIG names" : "the SOPS configuration is";
    throw new OperatorError(
      "usage",
      "SOPS_CONFIG_MISSING",
      `${by} ${shown}, which does not exist`,
      {
        hint: "correct the path, or leave it out: then the nearest .sops.yaml is taken",
      },
    );
  }
  return searchUpward(host, options.workingDirectory);
}

async function searchUpward(host: Host, start: string): Promise<SopsSearch> {
  let folder = start;
  let misnamed: string | undefined;
  for (let level = 0; level < LEVELS; level++) {
    const path = join(folder, ".sops.yaml");
    const text = await readConfig(path);
    if (text !== undefined) {
      const warnings = [...nameWarnings(misnamed), ...(await ownerWarnings(host, path))];
      return { file: { path, text }, warnings };
    }
    const other = join(folder, ".sops.yml");
    if (misnamed === undefined && (await exists(other))) misnamed = other;
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  return { warnings: nameWarnings(misnamed) };
}

async function readConfig(path: string, shown = path): Promise<string | undefined> {
  try {
    const info = await statOf(path);
    if (info === undefined) return undefined;
    if (info.size > SIZE_LIMIT) throw unreadable(shown, "is larger than 1 MiB");
    return await readTextIfPresent(path);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    const code = systemCode(error);
    if (code === "EISDIR") throw unreadable(shown, "is a folder");
    throw unreadable(shown, `cannot be read (${code ?? "unknown reason"})`);
  }
}

function unreadable(shown: string, reason: string): OperatorError {
  return new OperatorError("usage", "SOPS_CONFIG_UNREADABLE", `${shown} ${reason}`, {
    hint: "make it a file that can be read, or name the recipients with -r",
  });
}

async function exists(path: string): Promise<boolean> {
  return (await statOf(path).catch(() => undefined)) !== undefined;
}

function nameWarnings(misnamed: string | undefined): KeyWarning[] {
  if (misnamed === undefined) return [];
  return [
    {
      code: "SOPS_CONFIG_NAME",
      message: `${misnamed} is ignored: SOPS reads only files called .sops.yaml`,
      hint: `mv ${misnamed} ${misnamed.replace(/yml$/, "yaml")}`,
    },
  ];
}

/** Whoever can write this file decides who can read the backups. */
async function ownerWarnings(host: Host, path: string): Promise<KeyWarning[]> {
  const info = await statOf(path);
  if (info === undefined) return [];
  const foreign = info.uid !== 0 && info.uid !== host.uid;
  if (!foreign && (info.mode & 0o022) === 0) return [];
  const why = foreign
    ? `belongs to user ${info.uid}`
    : `can be written by other users (mode 0${(info.mode & 0o777).toString(8)})`;
  return [
    {
      code: "SOPS_CONFIG_EXPOSED",
      message: `${path} decides who can open the backups, and it ${why}`,
      hint: "make it writable by this user alone, or name the recipients with -r",
    },
  ];
}
