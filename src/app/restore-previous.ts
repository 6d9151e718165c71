/** The newest archive is damaged: say so loudly, offer the newest one that is whole, never take it silently. */
import { basename } from "node:path";
import { parseArchiveName } from "../archive/names.ts";
import { OperatorError, messageOf } from "../errors.ts";
import { findArchives } from "./archives.ts";
import { archivesMeant } from "./own-archives.ts";
import { proveArchive } from "./proof.ts";
import { restoreAgain } from "./type-again.ts";
import { spanText } from "../words.ts";
import type { FoundArchive } from "./archives.ts";
import type { Context } from "./context.ts";
import type { RestoreOptions } from "./restore.ts";

interface Damaged {
  readonly options: RestoreOptions;
  readonly identities: readonly string[];
  readonly damaged: string;
  readonly error: unknown;
}

/** Path of the whole archive the operator agreed to. Throws the damage as an OperatorError when there is none or no consent. */
export async function findWholeArchive(context: Context, input: Damaged): Promise<string> {
  const { damaged, error, options } = input;
  context.talk({
    type: "warning",
    code: "NEWEST_DAMAGED",
    message: `THE NEWEST ARCHIVE IS DAMAGED: ${damaged} (${messageOf(error)})`,
  });
  const whole = await newestWhole(context, input);
  if (whole === undefined) {
    throw new OperatorError(
      "verifyFailed",
      "NO_WHOLE_ARCHIVE",
      `the newest archive ${damaged} is damaged (${messageOf(error)}), and none of the others${ofHost(damaged)} is whole`,
      { hint: "take archives from another copy and name their folder with --dir", cause: error },
    );
  }
  const age = spanText(context.host.now().getTime() - new Date(whole.created).getTime());
  if (options.previous || (await agrees(context, whole, options))) return whole.path;
  throw new OperatorError(
    "verifyFailed",
    "NEWEST_DAMAGED",
    `the newest archive ${damaged} is damaged (${messageOf(error)}); the newest whole one is ${whole.name}, ${age} old`,
    {
      hint: `to restore that one: ${restoreAgain(context.host, options, "--previous")}`,
      cause: error,
    },
  );
}

function ofHost(path: string): string {
  const host = parseArchiveName(basename(path))?.host;
  return host === undefined ? "" : ` of host ${host}`;
}

async function newestWhole(context: Context, input: Damaged): Promise<FoundArchive | undefined> {
  const { directory } = input.options;
  const archives = await findArchives(directory);
  for (const archive of archivesMeant({ directory, archives }, context.host.hostname)) {
    if (archive.path === input.damaged) continue;
    context.talk({ type: "step", text: `verifying ${archive.path}` });
    try {
      await proveArchive(context, { path: archive.path, identities: input.identities });
      return archive;
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      context.talk({ type: "note", text: `${archive.path}: ${error.message}` });
    }
  }
  return undefined;
}

async function agrees(
  context: Context,
  whole: FoundArchive,
  options: RestoreOptions,
): Promise<boolean> {
  if (context.ask === undefined || options.yes) return false;
  const answer = await context.ask(
    `Use ${whole.name} of ${whole.created} instead? Type yes to go on: `,
  );
  return answer.trim().toLowerCase() === "yes";
}
