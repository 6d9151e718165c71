/** `ha lint`: do the values files say everything that high availability needs? No cluster is asked. */
import { checkRules, rulesFor } from "../ha/check-rules.ts";
import { checkSecret } from "../ha/check-secrets.ts";
import { sortFindings } from "../ha/finding.ts";
import { parsePin, requireSets } from "../ha/find-rules.ts";
import { shippedRules } from "../ha/rules/all.ts";
import { extraSecrets, secretsIn } from "../ha/secret-manifests.ts";
import { OperatorError } from "../errors.ts";
import { ownRules, readReleases, shortPath, valuesReader } from "./ha-values.ts";
import type { Finding } from "../ha/finding.ts";
import type { ChartPin } from "../ha/find-rules.ts";
import type { DuplicateKey } from "../ha/parse-values.ts";
import type { ChartRules } from "../ha/rule-schema.ts";
import type { KnownSecret } from "../ha/secret-manifests.ts";
import type { Context } from "./context.ts";
import type { ValuesReader } from "./ha-values.ts";

/** What is looked at: values files in helm's order, for a chart. All paths absolute. */
export interface LintTarget {
  /** `NAME@VERSION`. */
  readonly chart: string;
  readonly values: readonly string[];
  readonly manifests: readonly string[];
}

interface PinnedTarget extends Omit<LintTarget, "chart"> {
  readonly chart: ChartPin;
  /** `namespace/name` when it comes from a list of releases. */
  readonly release: string | undefined;
}

export interface LintOptions {
  /** Given on the command line; undefined: those of `releasesFile`. */
  readonly target: LintTarget | undefined;
  /** Absolute. */
  readonly releasesFile: string;
  /** Absolute; added to the shipped ones. */
  readonly rulesFiles: readonly string[];
  readonly identityFiles: readonly string[];
  readonly workingDirectory: string;
}

export interface LintedChart {
  readonly release: string | undefined;
  readonly chart: ChartPin;
  readonly values: readonly string[];
  /** How many rules were applied. */
  readonly rules: number;
  readonly findings: readonly Finding[];
  /** Existing Secrets that stand in no file: `ha drift` looks at them. */
  readonly unseen: readonly { readonly name: string; readonly keys: readonly string[] }[];
}

export interface LintResult {
  readonly charts: readonly LintedChart[];
  /** Releases of the file that name no chart, or one that no rules are for at all. */
  readonly skipped: readonly { readonly release: string; readonly why: string }[];
}

/**
 * Applies the rules of each chart. Findings are a result, not an error. Throws
 * OperatorErrors: those of the readers, `NO_RULES` (exit usage) for a chart given
 * on the command line that nothing is known about, `NOTHING_CHECKED` when that
 * is so for every release of the file. A version of the file that the rules of
 * its chart do not reach is a finding: a raised chart must not end its checks.
 */
export async function haLint(context: Context, options: LintOptions): Promise<LintResult> {
  const { workingDirectory } = options;
  const rules = [...shippedRules(), ...(await ownRules(options))];
  const reader = valuesReader(context, options);
  if (options.target !== undefined) {
    const pinned = { ...options.target, release: undefined, chart: parsePin(options.target.chart) };
    return { charts: [await lintOne(pinned, { rules, reader, workingDirectory })], skipped: [] };
  }
  const releases = await readReleases(options.releasesFile, workingDirectory);
  const charts: LintedChart[] = [];
  const skipped: LintResult["skipped"][number][] = [];
  for (const { chart, namespace, name, ...declared } of releases) {
    const release = `${namespace}/${name}`;
    if (chart === undefined) {
      skipped.push({ release, why: "it names no chart" });
    } else if (!rules.some((one) => one.chart === chart.name)) {
      skipped.push({ release, why: `there are no rules for ${chart.name}` });
    } else {
      const target = { ...declared, release, chart };
      charts.push(await lintOrSayWhy(target, { rules, reader, workingDirectory }));
    }
  }
  if (charts.length === 0) throw nothingChecked(shortPath(options.releasesFile, workingDirectory));
  return { charts, skipped };
}

interface LintWith {
  readonly rules: readonly ChartRules[];
  readonly reader: ValuesReader;
  readonly workingDirectory: string;
}

/** As `lintOne`, but that the rules of the chart are not for its version is a finding. */
async function lintOrSayWhy(target: PinnedTarget, use: LintWith): Promise<LintedChart> {
  try {
    return await lintOne(target, use);
  } catch (error) {
    if (!(error instanceof OperatorError) || error.code !== "NO_RULES") throw error;
    const { release, chart } = target;
    const values = target.values.map((path) => shortPath(path, use.workingDirectory));
    const finding: Finding = {
      id: `${chart.name}/no-rules`,
      severity: "error",
      at: undefined,
      path: undefined,
      message: `${error.message}, so nothing of ${release ?? "it"} was checked`,
      hint: error.hint ?? "",
    };
    return { release, chart, values, rules: 0, findings: [finding], unseen: [] };
  }
}

async function lintOne(target: PinnedTarget, use: LintWith): Promise<LintedChart> {
  const { chart } = target;
  const sets = requireSets(use.rules, chart);
  const { root, duplicates } = await use.reader.merged(target.values);
  const known = [...(await manifestSecrets(target, use.reader)), ...extraSecrets(root)];
  const names = { chart: chart.name, version: chart.version, known };
  const secrets = sets.flatMap((set) => set.secrets).map((rule) => checkSecret(root, rule, names));
  return {
    release: target.release,
    chart,
    values: target.values.map((path) => shortPath(path, use.workingDirectory)),
    rules: sets.reduce(
      (sum, set) => sum + rulesFor(set, chart.version).length + set.secrets.length,
      0,
    ),
    findings: sortFindings([
      ...sets.flatMap((set) => checkRules(root, set, names)),
      ...secrets.flatMap(({ findings }) => findings),
      ...duplicates.map(duplicateFinding),
    ]),
    unseen: secrets.flatMap(({ unseen }) => unseen),
  };
}

async function manifestSecrets(target: PinnedTarget, reader: ValuesReader): Promise<KnownSecret[]> {
  const known: KnownSecret[] = [];
  for (const path of target.manifests) known.push(...secretsIn((await reader.file(path)).each));
  return known;
}

function duplicateFinding({ key, at }: DuplicateKey): Finding {
  return {
    id: "values/duplicate-key",
    severity: "warning",
    at,
    path: key,
    message: `${key} is given twice in one map: helm takes the last one, silently`,
    hint: "keep one of them",
  };
}

function nothingChecked(file: string): OperatorError {
  return new OperatorError(
    "usage",
    "NOTHING_CHECKED",
    `no release of ${file} has a chart that there are rules for`,
    { hint: "name each release's chart as NAME@VERSION; give your own rules with --rules FILE" },
  );
}
