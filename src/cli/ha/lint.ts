/** `railiance-cluster ha lint` */
import { resolve } from "node:path";
import { haLint } from "../../app/ha-lint.ts";
import { count } from "../../words.ts";
import { COMMON_FLAGS, IDENTITY, pathsOf } from "../args.ts";
import { usage } from "../argv.ts";
import { findingFields, findingLines } from "./finding-lines.ts";
import { HA } from "./group.ts";
import { RELEASES_SAMPLE, RULES_SAMPLE } from "./samples.ts";
import { OWN_RULES, RELEASES, VALUES, releasesFileOf } from "./flags.ts";
import type { LintResult, LintTarget, LintedChart } from "../../app/ha-lint.ts";
import type { Command, CommandContext, Input } from "../command.ts";

export const haLintCommand: Command = {
  name: "ha lint",
  group: HA,
  summary: "check values files for what high availability needs",
  about:
    "Checks helm values files against rules for their chart and its version: passwords that must be written down, existing Secrets with all their keys, replicas, anti-affinity, disruption budgets, pinned images, names that this version no longer knows. Several files are merged as helm merges them. Files encrypted by SOPS or age are opened in memory with the keys SOPS would use; where no key is at hand, encrypted values count as present. No cluster is asked and no value is shown.",
  flags: [
    VALUES,
    {
      name: "chart",
      kind: "text",
      value: "NAME@VERSION",
      help: "the chart the values are for, for example postgresql-ha@16.3.4",
    },
    RELEASES,
    {
      name: "manifests",
      kind: "list",
      value: "FILE",
      help: "manifests with the Secrets that the values name; may be repeated",
    },
    OWN_RULES,
    IDENTITY,
    ...COMMON_FLAGS,
  ],
  positionals: [],
  examples: [
    {
      does: "one release, its values in two files as helm would get them",
      run: "ha lint --chart postgresql-ha@16.3.4 --values pg.yaml --values pg.secrets.yaml",
    },
    { does: "every release of ha/releases.yaml", run: "ha lint" },
    {
      does: "a chart of your own",
      run: "ha lint --rules rules/shop.yaml --chart shop@1.2.3 --values shop.yaml",
    },
    { does: "for a script", run: "ha lint --json | jq -r '.findings[] | .file + \":\" + .id'" },
  ],
  samples: [RELEASES_SAMPLE, RULES_SAMPLE],
  exits: ["drift", "verifyFailed", "precondition", "key", "notFound"],
  keepsResult: true,
  async run(input, context) {
    const result = await haLint(context, {
      target: targetOf(input, context),
      releasesFile: releasesFileOf(input, context),
      rulesFiles: pathsOf(input, "rules", context),
      identityFiles: pathsOf(input, "identity", context),
      workingDirectory: context.workingDirectory,
    });
    const found = result.charts.some(({ findings }) => findings.length > 0);
    return { exit: found ? "drift" : "ok", lines: linesOf(result), fields: fieldsOf(result) };
  },
};

function targetOf(input: Input, context: CommandContext): LintTarget | undefined {
  const chart = input.text("chart");
  const values = input.list("values");
  const command = { name: "ha lint" };
  if (chart === undefined && values.length === 0) {
    if (input.list("manifests").length > 0)
      throw usage("--manifests needs --values and --chart", command);
    return undefined;
  }
  if (input.text("file") !== undefined) {
    throw usage("ha lint takes either --file or --values with --chart", command);
  }
  if (chart === undefined) throw usage("--values needs --chart NAME@VERSION", command);
  if (values.length === 0) throw usage("--chart needs --values FILE", command);
  return {
    chart,
    values: values.map((file) => resolve(context.workingDirectory, file)),
    manifests: pathsOf(input, "manifests", context),
  };
}

function linesOf({ charts, skipped }: LintResult): string[] {
  const linted = charts.flatMap((chart) => [
    ...chart.findings.flatMap(findingLines),
    ...chart.unseen.map(
      ({ name, keys }) =>
        `not seen: Secret ${name} (must have ${keys.join(", ")}); ha drift looks in the cluster, --manifests FILE shows it here`,
    ),
    summaryOf(chart),
  ]);
  return [...linted, ...skipped.map(({ release, why }) => `${release}: not checked, ${why}`)];
}

function summaryOf({ chart, release, findings, rules, values }: LintedChart): string {
  const what = `${release === undefined ? "" : `${release}: `}${chart.name} ${chart.version}`;
  if (findings.length === 0) return `${what}: ${count(rules, "rule")} hold`;
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const split = [count(errors, "error"), count(findings.length - errors, "warning")].join(", ");
  return `${what}: ${count(findings.length, "finding")} (${split}) in ${values.join(", ")}`;
}

function fieldsOf({ charts, skipped }: LintResult): Record<string, unknown> {
  return {
    charts: charts.map(({ release, chart, values, rules, findings, unseen }) => ({
      release: release ?? null,
      chart: chart.name,
      version: chart.version,
      values,
      rules,
      findings: findings.length,
      unseen_secrets: unseen,
    })),
    skipped,
    findings: charts.flatMap(({ release, findings }) =>
      findings.map((finding) => ({ release: release ?? null, ...findingFields(finding) })),
    ),
  };
}
