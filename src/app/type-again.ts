/** Commands for a person to type that are about the same things as the command that ran. */
import { PROGRAM } from "../version.ts";
import { ARCHIVE_FOLDER } from "./places.ts";
import { shellWords } from "./shell-quote.ts";
import type { Host } from "../sys/host.ts";
import type { RestoreOptions } from "./restore.ts";

/** What was given of where things are. */
export type Given = Pick<RestoreOptions, "identityFiles" | "dataDir">;

/** `railiance-cluster WORDS`, with the flags that were given of where keys and K3s's data are. */
export function typeAgain(words: readonly string[], given: Given): string {
  const { identityFiles, dataDir } = given;
  return shellWords([
    PROGRAM,
    ...words,
    ...(dataDir === undefined ? [] : ["--data-dir", dataDir]),
    ...identityFiles.flatMap((file) => ["-i", file]),
  ]);
}

/** The restore with one flag more; `--yes` is left out, since something else is going to happen. */
export function restoreAgain(
  host: Pick<Host, "env">,
  options: RestoreOptions,
  flag: string,
): string {
  const { directory, force, keep, newNode, edits } = options;
  const isDefault = directory === ARCHIVE_FOLDER && (host.env["RAILIANCE_BACKUP_DIR"] ?? "") === "";
  const words = [
    "restore",
    flag,
    ...(isDefault ? [] : ["--dir", directory]),
    ...(force ? ["--force"] : []),
    ...(keep ? ["--keep"] : []),
    ...(newNode ? ["--new-node"] : []),
    ...edits.flatMap(({ from, to }) => ["--edit-address", `${from}=${to}`]),
  ];
  return typeAgain(words, options);
}
