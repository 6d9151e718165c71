/** Flags that mean the same in every command that has them, named as age names them where age has them. */
import { resolve } from "node:path";
import { ARCHIVE_FOLDER } from "../app/places.ts";
import type { CommandContext, Flag, Input } from "./command.ts";

/** Every command takes these. */
export const COMMON_FLAGS: readonly Flag[] = [
  {
    name: "json",
    kind: "boolean",
    help: "print one JSON object on stdout, the railiance.result/1 envelope",
  },
  { name: "quiet", short: "q", kind: "boolean", help: "say only warnings and errors" },
  { name: "no-color", kind: "boolean", help: "no colours (also: NO_COLOR=1)" },
  { name: "help", short: "h", kind: "boolean", help: "show this help" },
];

export const DIR: Flag = {
  name: "dir",
  kind: "text",
  value: "FOLDER",
  help: `folder with the archives (default ${ARCHIVE_FOLDER}, or RAILIANCE_BACKUP_DIR)`,
};

export const DATA_DIR: Flag = {
  name: "data-dir",
  kind: "text",
  value: "FOLDER",
  help: "K3s's data folder (default: as its configuration says, else /var/lib/rancher/k3s)",
};

export const IDENTITY: Flag = {
  name: "identity",
  short: "i",
  kind: "list",
  value: "FILE",
  help: "age identity file, besides the places where SOPS keeps them; may be repeated",
};

/** The archive folder: the flag, then the environment, then the default. Absolute. */
export function directoryOf(input: Input, context: CommandContext): string {
  const fromEnv = context.host.env["RAILIANCE_BACKUP_DIR"];
  const chosen = input.text("dir") ?? (fromEnv === "" ? undefined : fromEnv) ?? ARCHIVE_FOLDER;
  return resolve(context.workingDirectory, chosen);
}

/** The value of a flag that takes a path, made absolute. */
export function pathOf(input: Input, flag: string, context: CommandContext): string | undefined {
  const value = input.text(flag);
  return value === undefined ? undefined : resolve(context.workingDirectory, value);
}

/** The values of a repeatable flag that takes a path, made absolute. */
export function pathsOf(input: Input, flag: string, context: CommandContext): string[] {
  return input.list(flag).map((value) => resolve(context.workingDirectory, value));
}

/** An archive is a path when it has a slash, and a name in the archive folder otherwise. */
export function archiveOf(name: string, context: CommandContext): string {
  return name.includes("/") ? resolve(context.workingDirectory, name) : name;
}
