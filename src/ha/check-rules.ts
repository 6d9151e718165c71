/** Applies the rules of a chart to merged values. */
import { satisfies } from "semver";
import { ask, at, given, holds } from "./rule-value.ts";
import { isGiven, nodeAt, parsePath, placeOf, plainOf } from "./value-node.ts";
import type { Finding } from "./finding.ts";
import type { Rule, RuleSet } from "./rule-schema.ts";
import type { MapNode, ValueNode } from "./value-node.ts";

export interface RuleContext {
  readonly chart: string;
  readonly version: string;
}

type RuleOf<Check extends Rule["check"]> = Extract<Rule, { check: Check }>;

/** Findings of every rule of a set that is for this version and whose conditions hold. */
export function checkRules(root: MapNode, set: RuleSet, context: RuleContext): Finding[] {
  return rulesFor(set, context.version)
    .filter((rule) => holds(root, rule.when))
    .flatMap((rule) => {
      const path = violated(root, rule);
      return path === undefined ? [] : [findingOf(root, { rule, path, context })];
    });
}

/** The rules of a set that are for this version. */
export function rulesFor(set: RuleSet, version: string): Rule[] {
  return set.rules.filter(
    ({ versions }) =>
      versions === undefined || satisfies(version, versions, { includePrerelease: true }),
  );
}

function findingOf(
  root: MapNode,
  {
    rule,
    path,
    context,
  }: { readonly rule: Rule; readonly path: string; readonly context: RuleContext },
): Finding {
  return {
    id: `${context.chart}/${rule.id}`,
    severity: rule.severity,
    at: placeOf(root, parsePath(path)),
    path,
    message: rule.says,
    hint: rule.hint,
  };
}

/** The path at which a rule is broken; undefined when it holds. */
function violated(root: MapNode, rule: Rule): string | undefined {
  switch (rule.check) {
    case "given":
      return rule.anyOf.some((path) => given(root, path)) ? undefined : rule.anyOf[0];
    case "notGiven":
      return rule.paths.find((path) => given(root, path));
    case "minimum":
      return isEnough(root, rule) ? undefined : rule.path;
    case "oneOf":
      return isAmong(root, rule) === false ? rule.path : undefined;
    case "noneOf":
      return isAmong(root, rule) === true ? rule.path : undefined;
    case "antiAffinity":
      return isApart(root, rule) ? undefined : (rule.preset ?? rule.affinity);
    case "budget":
      return hasBudget(root, rule) ? undefined : (rule.create ?? rule.limits[0]);
    case "image":
      return unpinned(root, rule);
  }
}

function isEnough(root: MapNode, rule: RuleOf<"minimum">): boolean {
  const asked = ask(root, rule);
  if (asked.kind === "unknown") return true;
  // Templates print numbers and texts alike.
  const number = typeof asked.value === "string" ? Number(asked.value) : asked.value;
  return typeof number === "number" && number >= rule.min;
}

/** Undefined when nobody can tell. */
function isAmong(root: MapNode, rule: RuleOf<"oneOf"> | RuleOf<"noneOf">): boolean | undefined {
  const asked = ask(root, rule);
  if (asked.kind === "unknown") return undefined;
  const { value } = asked;
  return value !== null && rule.values.includes(value);
}

function isApart(root: MapNode, rule: RuleOf<"antiAffinity">): boolean {
  const affinity = at(root, rule.affinity);
  // The Bitnami charts ignore the preset once an affinity is given.
  if (isGiven(affinity)) return affinity.kind === "sealed" || requiresAntiAffinity(affinity);
  if (rule.spread !== undefined && spreadsHard(at(root, rule.spread))) return true;
  if (rule.preset === undefined) return false;
  const preset = ask(root, { path: rule.preset });
  return preset.kind === "unknown" || preset.value === "hard";
}

function requiresAntiAffinity(affinity: ValueNode): boolean {
  // Some charts take the affinity as a template in a text.
  if (affinity.kind === "scalar" && typeof affinity.value === "string") {
    return /podAntiAffinity:[^]*requiredDuringSchedulingIgnoredDuringExecution:/.test(
      affinity.value,
    );
  }
  return isGiven(
    nodeAt(affinity, ["podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]),
  );
}

/** A spread over nodes that would rather not schedule than share: `maxSkew: 1`, `DoNotSchedule`, by host name. */
function spreadsHard(spread: ValueNode | undefined): boolean {
  if (spread?.kind === "sealed") return true;
  if (spread?.kind === "scalar" && typeof spread.value === "string") {
    return /whenUnsatisfiable:\s*["']?DoNotSchedule/.test(spread.value);
  }
  if (spread?.kind !== "list") return false;
  return spread.items.some((item) => {
    const whenFull = nodeAt(item, ["whenUnsatisfiable"]);
    const key = nodeAt(item, ["topologyKey"]);
    // Absent, it is DoNotSchedule (core/v1 TopologySpreadConstraint).
    const hard = whenFull === undefined || plainOf(whenFull) === "DoNotSchedule";
    return hard && key !== undefined && plainOf(key) === "kubernetes.io/hostname";
  });
}

function hasBudget(root: MapNode, rule: RuleOf<"budget">): boolean {
  if (rule.create !== undefined) {
    const create = ask(root, { path: rule.create, default: rule.default });
    if (create.kind === "unknown" || create.value === true) return true;
    // Switched off in so many words: limits do not bring it back.
    if (given(root, rule.create)) return false;
  }
  return rule.limits.some((path) => given(root, path));
}

/** The field of an image that is missing or moves; undefined when it is pinned. */
function unpinned(root: MapNode, rule: RuleOf<"image">): string | undefined {
  const field = (name: string): string => `${rule.at}.${name}`;
  const registry = rule.registryInRepository
    ? hostIn(at(root, field("repository")))
    : given(root, field("registry")) ||
      (rule.globalRegistry !== undefined && given(root, rule.globalRegistry)) ||
      hostIn(at(root, field("repository")));
  if (!registry) return field(rule.registryInRepository ? "repository" : "registry");
  if (given(root, field("digest"))) return undefined;
  const tag = at(root, field("tag"));
  if (!isGiven(tag)) return field("tag");
  const moves =
    tag.kind === "scalar" &&
    /^(?:latest|.*-latest|stable|edge|nightly|main|master)$/i.test(String(tag.value));
  return moves ? field("tag") : undefined;
}

/** Whether a repository begins with a registry's host, as Docker tells them: a dot, a port, or localhost. */
function hostIn(repository: ValueNode | undefined): boolean {
  if (repository?.kind === "sealed") return true;
  if (repository?.kind !== "scalar" || typeof repository.value !== "string") return false;
  const [host = "", rest] = repository.value.split("/", 2);
  return rest !== undefined && (/[.:]/.test(host) || host === "localhost");
}
