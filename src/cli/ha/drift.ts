/** `railiance-cluster ha drift` */
import { haDrift } from "../../app/ha-drift.ts";
import { count } from "../../words.ts";
import {
  COMMON_FLAGS,
  DATA_DIR,
  DIR,
  IDENTITY,
  archiveOf,
  directoryOf,
  pathOf,
  pathsOf,
} from "../args.ts";
import { usage } from "../argv.ts";
import { findingFields, findingLines } from "./finding-lines.ts";
import { OWN_RULES, RELEASES, VALUES, releasesFileOf } from "./flags.ts";
import { HA } from "./group.ts";
import { RELEASES_SAMPLE } from "./samples.ts";
import type { DriftOptions, DriftResult, DriftedRelease } from "../../app/ha-drift.ts";
import type { Command, CommandContext, Input } from "../command.ts";

export const haDriftCommand: Command = {
  name: "ha drift",
  group: HA,
  summary: "compare values files with what runs, or with what a backup holds",
  about:
    "Compares versioned values files with the values a release was installed with, with the Secrets its pods read, and its chart with the pinned one. What only the release has is lost at the next helm upgrade -f; what only the files have was never applied. Secrets are compared by a salted hash and never shown. With --archive the same is asked of a backup, without a cluster: what would this restore lack? helm is not needed.",
  flags: [
    {
      name: "release",
      kind: "text",
      value: "NAMESPACE/NAME",
      help: "one release; its files with --values",
    },
    VALUES,
    {
      name: "chart",
      kind: "text",
      value: "NAME@VERSION",
      help: "the chart it is meant to run, with --release",
    },
    RELEASES,
    {
      name: "archive",
      kind: "text",
      value: "ARCHIVE",
      help: "compare with a backup: path, file name or id, or the word newest",
    },
    OWN_RULES,
    DIR,
    DATA_DIR,
    IDENTITY,
    ...COMMON_FLAGS,
  ],
  positionals: [],
  examples: [
    { does: "every release of ha/releases.yaml with the cluster that runs here", run: "ha drift" },
    {
      does: "one release",
      run: "ha drift --release db/pg --values pg.yaml --values pg.secrets.yaml --chart postgresql-ha@16.3.4",
    },
    { does: "what a restore of the newest backup would lack", run: "ha drift --archive newest" },
    {
      does: "only what the next upgrade would lose",
      run: "ha drift --json | jq -r '.findings[] | select(.id == \"live-only\") | .path'",
    },
  ],
  samples: [RELEASES_SAMPLE],
  exits: ["drift", "verifyFailed", "precondition", "key", "notFound"],
  keepsResult: true,
  async run(input, context) {
    const archive = input.text("archive");
    const result = await haDrift(context, {
      target: targetOf(input, context),
      releasesFile: releasesFileOf(input, context),
      archive: archive === undefined ? undefined : archiveOf(archive, context),
      directory: directoryOf(input, context),
      dataDir: pathOf(input, "data-dir", context),
      rulesFiles: pathsOf(input, "rules", context),
      identityFiles: pathsOf(input, "identity", context),
      workingDirectory: context.workingDirectory,
    });
    const found = result.releases.some(({ findings }) => findings.length > 0);
    return {
      exit: found ? "drift" : "ok",
      lines: result.releases.flatMap((release) => linesOf(release, result)),
      fields: fieldsOf(result),
    };
  },
};

function targetOf(input: Input, context: CommandContext): DriftOptions["target"] {
  const release = input.text("release");
  const values = pathsOf(input, "values", context);
  const chart = input.text("chart");
  const command = { name: "ha drift" };
  if (release === undefined) {
    if (values.length > 0) throw usage("--values needs --release NAMESPACE/NAME", command);
    if (chart !== undefined) throw usage("--chart needs --release NAMESPACE/NAME", command);
    return undefined;
  }
  if (input.text("file") !== undefined) {
    throw usage("ha drift takes either --file or --release", command);
  }
  if (values.length === 0) throw usage("--release needs --values FILE", command);
  return { release, values, chart };
}

function linesOf(drifted: DriftedRelease, result: DriftResult): string[] {
  const { release, findings, unknown } = drifted;
  return [
    ...findings.flatMap((finding) =>
      findingLines({ ...finding, message: `${release}: ${finding.message}` }),
    ),
    ...(unknown === 0
      ? []
      : [
          `${release}: ${count(unknown, "encrypted value")} not compared, no key at hand opens them`,
        ]),
    summaryOf(drifted, result),
  ];
}

function summaryOf(drifted: DriftedRelease, { kind, label }: DriftResult): string {
  const { release, state, values, findings, unknown } = drifted;
  const where = kind === "live" ? "runs" : `in ${label}`;
  const what =
    state === undefined
      ? release
      : `${release} revision ${state.revision} (${state.chart.name} ${state.chart.version})`;
  if (findings.length > 0)
    return `${what}: ${count(findings.length, "difference")} from ${values.join(", ")}`;
  const seen = unknown === 0 ? "" : ", as far as it could be read";
  return `${what}: ${where} as ${values.join(", ")} say${seen}`;
}

function fieldsOf({ kind, label, releases }: DriftResult): Record<string, unknown> {
  return {
    compared_with: { kind, label },
    releases: releases.map(({ release, state, values, findings, unknown }) => ({
      release,
      revision: state?.revision ?? null,
      status: state?.status ?? null,
      chart: state?.chart.name ?? null,
      version: state?.chart.version ?? null,
      values,
      findings: findings.length,
      not_compared: unknown,
    })),
    findings: releases.flatMap(({ release, findings }) =>
      findings.map((finding) => ({ release, ...findingFields(finding) })),
    ),
  };
}
