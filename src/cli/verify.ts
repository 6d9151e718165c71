/** `railiance-cluster verify` */
import { verifyArchives } from "../app/verify.ts";
import { count, sizeText } from "../words.ts";
import { COMMON_FLAGS, DIR, IDENTITY, archiveOf, directoryOf, pathsOf } from "./args.ts";
import { usage } from "./argv.ts";
import { table } from "./format.ts";
import { statusWord } from "./envelope.ts";
import type { VerifyResult } from "../app/verify.ts";
import type { ExitName } from "../errors.ts";
import type { Command } from "./command.ts";

export const verifyCommand: Command = {
  name: "verify",
  summary: "prove archives whole, to the last byte",
  about:
    "Reads archives to their end: every encrypted chunk, every hash, the datastore page by page, and the cluster's own secrets opened with its token. Says exactly what was checked.",
  flags: [
    { name: "all", kind: "boolean", help: "every archive of the folder" },
    DIR,
    IDENTITY,
    ...COMMON_FLAGS,
  ],
  positionals: [
    {
      name: "ARCHIVE",
      help: "paths, file names, or ids of archives (default: this host's newest)",
      count: "many",
    },
  ],
  examples: [
    { does: "this host's newest archive", run: "verify" },
    { does: "all of them, for a monthly timer", run: "verify --all --quiet" },
  ],
  exits: ["verifyFailed", "precondition", "key", "notFound"],
  keepsResult: true,
  async run(input, context) {
    const all = input.has("all");
    if (all && input.positionals.length > 0) {
      throw usage("verify takes either --all or names of archives", verifyCommand);
    }
    const results = await verifyArchives(context, {
      archives: input.positionals.map((name) => archiveOf(name, context)),
      all,
      directory: directoryOf(input, context),
      identityFiles: pathsOf(input, "identity", context),
    });
    const failures = results.flatMap((result) => (result.ok ? [] : [result.error]));
    return {
      exit: worst(failures.map(({ exit }) => exit)),
      lines: results.flatMap((result) => linesOf(result, { brief: input.has("quiet") })),
      failures,
      fields: { archives: results.map(fieldsOf) },
    };
  },
};

/** A damaged archive outweighs everything else that went wrong. */
function worst(exits: readonly ExitName[]): ExitName {
  return exits.find((exit) => exit === "verifyFailed") ?? exits[0] ?? "ok";
}

function linesOf(result: VerifyResult, options: { readonly brief: boolean }): string[] {
  if (!result.ok) return [];
  const head = `${result.path}   ${sizeText(result.size)}   whole: ${count(result.checked, "check")}`;
  if (options.brief) return [head];
  const rows = result.checks.map((check) => [String(check.count ?? ""), check.id, check.detail]);
  return [head, ...table(rows, [0]).map((row) => `  ${row}`)];
}

function fieldsOf(result: VerifyResult): Record<string, unknown> {
  if (!result.ok) {
    const { exit, code, message, hint } = result.error;
    const error = { code, message, ...(hint === undefined ? {} : { hint }) };
    return { path: result.path, status: statusWord(exit), error };
  }
  return {
    path: result.path,
    status: "ok",
    level: "snapshot-status",
    bytes: result.size,
    sha256: result.sha256,
    created_at: result.manifest.created,
    cluster_id: result.manifest.cluster.id,
    signature: result.signature,
    checked: result.checked,
    checks: result.checks,
    error: null,
  };
}
