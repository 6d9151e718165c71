/** Which Secrets a release needs, and what must be in them: from the chart's rules, the list of releases, and the values themselves. */
import { keyName } from "./check-secrets.ts";
import { at, given, holds } from "./rule-value.ts";
import { secretOf } from "./secret-names.ts";
import { printPath } from "./value-node.ts";
import type { DeclaredSecret } from "./releases-file.ts";
import type { RuleSet, SecretKeyRule, SecretRule } from "./rule-schema.ts";
import type { MapNode, ValueNode, ValuePath } from "./value-node.ts";

export interface NeededKey {
  readonly key: string;
  /** Path of the value that ends up there; undefined when the files give none. */
  readonly path: string | undefined;
  /** What the files say; undefined when they say nothing, or the chart does not read it. */
  readonly value: ValueNode | undefined;
  /** The chart must be told it: that no file does is drift by itself. */
  readonly required: boolean;
  /** The Secret must have it. */
  readonly mustExist: boolean;
}

export interface NeededSecret {
  readonly name: string;
  /** The value that names it; undefined for one that the chart makes. */
  readonly path: string | undefined;
  readonly keys: readonly NeededKey[];
  /** Keys that nothing reads, with the reason. */
  readonly wrongKeys: SecretRule["wrongKeys"];
}

export interface NeedsOptions {
  readonly chart: string;
  readonly release: string;
  readonly sets: readonly RuleSet[];
  readonly declared: readonly DeclaredSecret[];
}

/** Names that charts give to values which name a Secret. */
const NAMES_A_SECRET = /^existing_?secret(?:_?name)?$/i;

/** Each Secret once, by name; rules come first, for they know its keys. */
export function neededSecrets(root: MapNode, options: NeedsOptions): NeededSecret[] {
  const { chart, release, sets, declared } = options;
  const found: NeededSecret[] = [];
  for (const rule of sets.flatMap(({ secrets }) => secrets)) {
    if (!holds(root, rule.when)) continue;
    const secret = secretOf(rule, { root, release, chart });
    if (secret === undefined) continue;
    const keys = rule.keys.filter((key) => holds(root, key.when));
    found.push({
      name: secret.name,
      path: secret.path,
      keys: keys.map((key) => (secret.existing ? existingKey(root, key) : madeKey(root, key))),
      wrongKeys: secret.existing ? rule.wrongKeys : [],
    });
  }
  found.push(...declared.map((one) => declaredSecret(root, one)), ...namedSecrets(root));
  return joinByName(found);
}

/** The chart takes the Secret as it is: values for the same key do nothing. */
function existingKey(root: MapNode, rule: SecretKeyRule): NeededKey {
  return {
    key: keyName(root, rule),
    path: undefined,
    value: undefined,
    required: false,
    mustExist: true,
  };
}

function madeKey(root: MapNode, rule: SecretKeyRule): NeededKey {
  const path = rule.values.find((one) => given(root, one));
  return {
    key: rule.key,
    path: path ?? rule.values.at(-1),
    value: path === undefined ? undefined : at(root, path),
    required: rule.says !== undefined,
    mustExist: rule.says !== undefined || path !== undefined,
  };
}

function declaredSecret(root: MapNode, { name, keys }: DeclaredSecret): NeededSecret {
  return {
    name,
    path: undefined,
    keys: keys.map(({ key, value }) => ({
      key,
      path: value,
      value: value === undefined ? undefined : at(root, value),
      required: value !== undefined,
      mustExist: true,
    })),
    wrongKeys: [],
  };
}

/** Whatever calls itself an existing Secret in the values must exist, also for charts without rules. */
function namedSecrets(root: MapNode): NeededSecret[] {
  const found: NeededSecret[] = [];
  const visit = (node: ValueNode, path: ValuePath): void => {
    if (node.kind === "list") node.items.forEach((item, index) => visit(item, [...path, index]));
    if (node.kind !== "map") return;
    for (const [key, inner] of node.entries) {
      const isName =
        inner.kind === "scalar" && typeof inner.value === "string" && inner.value !== "";
      if (isName && NAMES_A_SECRET.test(key) && !String(inner.value).includes("{{")) {
        const name = String(inner.value);
        found.push({ name, path: printPath([...path, key]), keys: [], wrongKeys: [] });
      }
      visit(inner, [...path, key]);
    }
  };
  visit(root, []);
  return found;
}

function joinByName(found: readonly NeededSecret[]): NeededSecret[] {
  const joined = new Map<string, NeededSecret>();
  for (const one of found) {
    const before = joined.get(one.name);
    if (before === undefined) {
      joined.set(one.name, one);
      continue;
    }
    const known = new Set(before.keys.map(({ key }) => key));
    const more = one.keys.filter(({ key }) => !known.has(key));
    joined.set(one.name, {
      ...before,
      path: before.path ?? one.path,
      keys: [...before.keys, ...more],
      wrongKeys: [...before.wrongKeys, ...one.wrongKeys],
    });
  }
  return [...joined.values()];
}
