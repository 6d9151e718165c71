/** `railiance-cluster ha drill` */
import { resolve } from "node:path";
import { drill } from "../../app/ha-drill.ts";
import { DRILL_REPORTS } from "../../app/places.ts";
import { COMMON_FLAGS, DATA_DIR, DIR, directoryOf, pathOf } from "../args.ts";
import { drillFields, drillLines } from "./drill-lines.ts";
import { HA } from "./group.ts";
import { DRILL_SAMPLE } from "./samples.ts";
import type { Command } from "../command.ts";

export const haDrillCommand: Command = {
  name: "ha drill",
  group: HA,
  summary: "kill the primary on purpose, and measure what clients see",
  about:
    "Runs one drill out of a file: checks that all is well, writes through the proxy as a client does, finds the primary of this moment, kills it, and measures how long nothing was acknowledged. It passes when service is back within the file's window, the primary is another one, no acknowledged write is lost and the checks afterwards pass. A drill that killed nothing is no pass. Each run leaves a report. On SIGTERM or SIGINT what was taken down is put back.",
  flags: [
    { name: "dry-run", kind: "boolean", help: "check, and say what would be killed; kill nothing" },
    { name: "yes", short: "y", kind: "boolean", help: "do not ask, for scripts" },
    {
      name: "reports",
      kind: "text",
      value: "FOLDER",
      help: `folder for the report of this run (default ${DRILL_REPORTS})`,
    },
    DIR,
    DATA_DIR,
    ...COMMON_FLAGS,
  ],
  positionals: [{ name: "FILE", help: "the drill, as below", count: "required" }],
  examples: [
    {
      does: "see what would be killed",
      run: "ha drill ha/drills/postgres-primary-kill.yaml --dry-run",
    },
    { does: "do it, and be asked first", run: "ha drill ha/drills/postgres-primary-kill.yaml" },
    {
      does: "for a script: how long it was away",
      run: "ha drill ha/drills/postgres-primary-kill.yaml --yes --json | jq .unavailable_ms",
    },
  ],
  samples: [DRILL_SAMPLE],
  exits: ["drillFailed", "refused", "precondition", "locked"],
  keepsResult: true,
  async run(input, context) {
    const [file = ""] = input.positionals;
    const result = await drill(context, {
      file: resolve(context.workingDirectory, file),
      directory: directoryOf(input, context),
      dataDir: pathOf(input, "data-dir", context),
      reports: pathOf(input, "reports", context) ?? DRILL_REPORTS,
      dryRun: input.has("dry-run"),
      yes: input.has("yes"),
    });
    const { report, failure, files } = result;
    const columns = context.stdout.isTerminal ? context.columns : undefined;
    return {
      exit: failure?.exit ?? "ok",
      lines: report === undefined ? result.lines : drillLines(report, { files, columns }),
      fields: report === undefined ? { dry_run: true } : drillFields(report, files),
      ...(failure === undefined ? {} : { failures: [failure] }),
    };
  },
};
