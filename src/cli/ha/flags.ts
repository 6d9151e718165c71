/** Flags that the commands of `ha` share. */
import { resolve } from "node:path";
import { RELEASES_FILE } from "../../app/ha-values.ts";
import { pathOf } from "../args.ts";
import type { CommandContext, Flag, Input } from "../command.ts";

export const VALUES: Flag = {
  name: "values",
  short: "f",
  kind: "list",
  value: "FILE",
  help: "a values file, as helm gets it with -f; may be repeated, later ones win",
};

export const RELEASES: Flag = {
  name: "file",
  kind: "text",
  value: "FILE",
  help: `list of releases with their values files and charts (default ${RELEASES_FILE})`,
};

export const OWN_RULES: Flag = {
  name: "rules",
  kind: "list",
  value: "FILE",
  help: "your own rules, besides those shipped; may be repeated",
};

/** The list of releases: the flag, else `ha/releases.yaml` below the folder one stands in. Absolute. */
export function releasesFileOf(input: Input, context: CommandContext): string {
  return pathOf(input, "file", context) ?? resolve(context.workingDirectory, RELEASES_FILE);
}
