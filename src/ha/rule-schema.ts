/**
 * What a rules file may say (`railiance.ha-rules/1`), one for each chart. The
 * same shape for the rules shipped here (src/ha/rules) and for those of an
 * operator (`--rules FILE`). docs/ha.md explains it with examples.
 */
import { validRange } from "semver";
import * as v from "valibot";

export const RULES_SCHEMA = "railiance.ha-rules/1";

const text = v.pipe(v.string(), v.trim(), v.minLength(1));
/** Keys joined with dots; a number is a place in a list. */
const path = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/, "is no path of keys joined with dots"),
);
/** One path, or several of which the first that is given counts: charts let `global.*` win. */
const firstOf = v.union([path, v.pipe(v.array(path), v.minLength(1))]);
const scalar = v.union([v.string(), v.number(), v.boolean()]);

/** Holds when every part of it does; the chart's default counts where the values say nothing. */
const condition = v.strictObject({
  path: firstOf,
  default: v.optional(scalar),
  /** The value is one of these. */
  is: v.optional(v.array(scalar)),
  /** The value is none of these. */
  isNot: v.optional(v.array(scalar)),
  /** Something is given (true) or nothing is (false). */
  given: v.optional(v.boolean()),
});

const common = {
  /** Within the chart; findings are called `chart/id`. */
  id: text,
  severity: v.optional(v.picklist(["error", "warning"]), "error"),
  /** One sentence: what is wrong and what comes of it. */
  says: text,
  /** What to put. */
  hint: text,
  /** Part of the version range of its set. */
  versions: v.optional(range()),
  when: v.optional(v.array(condition), []),
};

const rule = v.variant("check", [
  /** At least one of the paths is given. */
  v.strictObject({
    check: v.literal("given"),
    ...common,
    anyOf: v.pipe(v.array(path), v.minLength(1)),
  }),
  /** None of the paths is given: values that the chart no longer, or does not yet, know. */
  v.strictObject({
    check: v.literal("notGiven"),
    ...common,
    paths: v.pipe(v.array(path), v.minLength(1)),
  }),
  /** A number, or the chart's default for it, is large enough. */
  v.strictObject({
    check: v.literal("minimum"),
    ...common,
    path,
    min: v.number(),
    default: v.optional(v.number(), 0),
  }),
  /** The value, or the default, is one of a list. */
  v.strictObject({
    check: v.literal("oneOf"),
    ...common,
    path,
    values: v.pipe(v.array(scalar), v.minLength(1)),
    default: v.optional(scalar),
  }),
  /** The value, or the default, is none of a list. */
  v.strictObject({
    check: v.literal("noneOf"),
    ...common,
    path,
    values: v.pipe(v.array(scalar), v.minLength(1)),
    default: v.optional(scalar),
  }),
  /** Pods never share a node: a preset `hard`, or required anti-affinity, or topology spread that forbids it. */
  v.strictObject({
    check: v.literal("antiAffinity"),
    ...common,
    preset: v.optional(path),
    affinity: path,
    spread: v.optional(path),
  }),
  /** A pod disruption budget is made. */
  v.strictObject({
    check: v.literal("budget"),
    ...common,
    /** The switch that makes it, and its default. */
    create: v.optional(path),
    default: v.optional(v.boolean(), false),
    /** Any of these makes it too, or has to be given where there is no switch. */
    limits: v.optional(v.array(path), []),
  }),
  /** An image has its registry, and a tag that is not `latest`, or a digest. */
  v.strictObject({
    check: v.literal("image"),
    ...common,
    at: path,
    /** Set for all images of the chart at once. */
    globalRegistry: v.optional(path),
    /** The chart has one field for registry and repository, `registry.example/name`. */
    registryInRepository: v.optional(v.boolean(), false),
  }),
]);

const secretKey = v.strictObject({
  key: text,
  /** Where an operator may give the key another name; only with an existing Secret. */
  keyFrom: v.optional(firstOf),
  /** Values that end up under this key, the one that wins first. */
  values: v.optional(v.array(path), []),
  when: v.optional(v.array(condition), []),
  /** What comes of its absence from the values; without it nobody has to give it. */
  says: v.optional(text),
  severity: v.optional(v.picklist(["error", "warning"]), "error"),
});

/** A Secret that the chart makes from values, or takes as it finds it. */
const secret = v.strictObject({
  id: text,
  /** Values that name an existing Secret, the one that wins first. */
  existing: v.optional(v.array(path), []),
  /** Its name when the chart makes it: `{fullname}-pgpool`. Absent: not known, and not compared. */
  name: v.optional(text),
  keys: v.pipe(v.array(secretKey), v.minLength(1)),
  /** Keys that people put into their own Secret and that nothing reads, with the reason. */
  wrongKeys: v.optional(v.array(v.strictObject({ key: text, says: text, hint: text })), []),
  when: v.optional(v.array(condition), []),
});

const set = v.strictObject({
  /** Chart versions it is for, as npm and helm write ranges: `>=16 <17`. */
  versions: range(),
  /** Where the facts come from. */
  source: text,
  rules: v.optional(v.array(rule), []),
  secrets: v.optional(v.array(secret), []),
});

export const ChartRulesSchema = v.strictObject({
  schema: v.literal(RULES_SCHEMA),
  chart: text,
  sets: v.pipe(v.array(set), v.minLength(1)),
});

export type ChartRules = v.InferOutput<typeof ChartRulesSchema>;
export type ChartRulesInput = v.InferInput<typeof ChartRulesSchema>;
export type RuleSet = ChartRules["sets"][number];
export type Rule = RuleSet["rules"][number];
export type SecretRule = RuleSet["secrets"][number];
export type SecretKeyRule = SecretRule["keys"][number];
export type Condition = Rule["when"][number];
export type RuleInput = NonNullable<ChartRulesInput["sets"][number]["rules"]>[number];

function range() {
  return v.pipe(
    text,
    v.check((one) => validRange(one) !== null, "is no range of versions"),
  );
}
