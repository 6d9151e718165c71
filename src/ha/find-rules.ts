/** Which rules are for a chart and its version. */
import { satisfies, valid } from "semver";
import { parseDocument } from "yaml";
import * as v from "valibot";
import { OperatorError } from "../errors.ts";
import { ChartRulesSchema } from "./rule-schema.ts";
import { schemaProblem } from "./schema-problem.ts";
import type { ChartRules, RuleSet } from "./rule-schema.ts";

export interface ChartPin {
  readonly name: string;
  readonly version: string;
}

/** Reads `postgresql-ha@16.3.4`. Throws an OperatorError `CHART_INVALID`, exit usage. */
export function parsePin(text: string): ChartPin {
  const match = /^([a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)@v?(.+)$/i.exec(text);
  const version = valid(match?.[2] ?? "");
  if (match?.[1] !== undefined && version !== null)
    return { name: match[1], version: match[2] ?? version };
  throw new OperatorError("usage", "CHART_INVALID", `${text} is no chart with an exact version`, {
    hint: "write NAME@VERSION as in Chart.yaml, for example postgresql-ha@16.3.4",
  });
}

/** Every set of rules for a chart version; rules given later in the list come last. */
export function setsFor(all: readonly ChartRules[], pin: ChartPin): RuleSet[] {
  return all
    .filter(({ chart }) => chart === pin.name)
    .flatMap(({ sets }) => sets)
    .filter(({ versions }) => satisfies(pin.version, versions, { includePrerelease: true }));
}

/**
 * As `setsFor`, but that there are none is an OperatorError `NO_RULES`, exit
 * usage: silence about a chart that nobody checked would read as "fine".
 */
export function requireSets(all: readonly ChartRules[], pin: ChartPin): RuleSet[] {
  const sets = setsFor(all, pin);
  if (sets.length > 0) return sets;
  const ranges = all.filter(({ chart }) => chart === pin.name).flatMap((one) => one.sets);
  const charts = [...new Set(all.map(({ chart }) => chart))].sort().join(", ");
  const known =
    ranges.length === 0
      ? `there are rules for ${charts}`
      : `there are rules for its versions ${ranges.map(({ versions }) => versions).join(", ")}`;
  throw new OperatorError(
    "usage",
    "NO_RULES",
    `there are no rules for ${pin.name} ${pin.version}`,
    { hint: `${known}; give your own with --rules FILE` },
  );
}

/** Reads a rules file of an operator. Throws an OperatorError `RULES_INVALID`, exit usage, that names the place. */
export function parseRules(text: string, file: string): ChartRules {
  const document = parseDocument(text, { prettyErrors: false, logLevel: "silent" });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = text.slice(0, error.pos[0]).split("\n").length;
    throw invalid(`${file}:${line} is not YAML`);
  }
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (value === null) throw invalid(`${file} is empty; it must hold rules`);
  const parsed = v.safeParse(ChartRulesSchema, value);
  if (parsed.success) return parsed.output;
  throw invalid(`${file} is no rules file: ${schemaProblem(parsed.issues[0])}`);
}

function invalid(message: string): OperatorError {
  return new OperatorError("usage", "RULES_INVALID", message.replace(/\.$/, ""), {
    hint: "what it holds: railiance-cluster ha lint --help",
  });
}
