/** A chart's rules against values as people write them: the file passes, and each change of it is seen by one rule alone. */
import { readFileSync } from "node:fs";
import { expect, test } from "bun:test";
import { parse } from "yaml";
import { checkRules, rulesFor } from "../../../../src/ha/check-rules.ts";
import { checkSecret } from "../../../../src/ha/check-secrets.ts";
import { parsePin, requireSets } from "../../../../src/ha/find-rules.ts";
import { shippedRules } from "../../../../src/ha/rules/all.ts";
import { extraSecrets, secretsIn } from "../../../../src/ha/secret-manifests.ts";
import { fromJson, values } from "../support.ts";
import type { RuleSet } from "../../../../src/ha/rule-schema.ts";
import type { Json, JsonMap } from "../support.ts";

/** Pods that never share a node. */
export const APART: Json = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname" }],
  },
};

/** The values file of a chart beside this one. */
export function valuesFile(name: string): JsonMap {
  const text = readFileSync(new URL(`values/${name}.yaml`, import.meta.url), "utf8");
  const parsed: unknown = parse(text);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- our own file, and YAML of maps is JSON
  return parsed as JsonMap;
}

function setsOf(pin: string): RuleSet[] {
  return requireSets(shippedRules(), parsePin(pin));
}

/** `chart/id` of everything found. */
export function lint(pin: string, json: JsonMap, manifests = ""): string[] {
  const { name: chart, version } = parsePin(pin);
  const root = fromJson(json);
  const known = [...secretsIn(manifests === "" ? [] : [values(manifests)]), ...extraSecrets(root)];
  const found = setsOf(pin).flatMap((set) => [
    ...checkRules(root, set, { chart, version }),
    ...set.secrets.flatMap((rule) => checkSecret(root, rule, { chart, known }).findings),
  ]);
  for (const { message, hint } of found) {
    expect(message).not.toMatch(/\.$/);
    expect(hint).not.toBe("");
  }
  return found.map(({ id }) => id).sort();
}

/** A copy with one value set; undefined takes it away. */
export function set(json: JsonMap, path: string, value: Json | undefined): JsonMap {
  const [key = "", ...rest] = path.split(".");
  const { [key]: old, ...others } = json;
  if (rest.length === 0) return value === undefined ? others : { ...others, [key]: value };
  const inner = typeof old === "object" && old !== null && !Array.isArray(old) ? old : {};
  return { ...others, [key]: set(inner, rest.join("."), value) };
}

type Change = readonly [path: string, value: Json | undefined];
/** The one rule that sees all these changes together. */
export type Row = readonly [id: string, ...changes: Change[]];

/** Tests of one chart version: good values pass, each row is seen by its rule and no other, and no rule is left out. */
export function testRules(pin: string, good: JsonMap, rows: readonly Row[]): void {
  const { name: chart, version } = parsePin(pin);

  test(`${pin}: nothing is found in values that say everything`, () => {
    expect(lint(pin, good)).toEqual([]);
  });

  test(`${pin}: each single thing that is missing or wrong is found, and nothing else`, () => {
    for (const [id, ...changes] of rows) {
      const json = changes.reduce((one, [path, value]) => set(one, path, value), good);
      expect([changes, lint(pin, json)]).toEqual([changes, [`${chart}/${id}`]]);
    }
  });

  test(`${pin}: every rule is provoked by the test above`, () => {
    const provoked = new Set(rows.map(([id]) => id));
    const ids = setsOf(pin).flatMap((one) => [
      ...rulesFor(one, version).map(({ id }) => id),
      ...one.secrets.flatMap((secret) =>
        secret.keys.flatMap(({ key, says }) => (says === undefined ? [] : [`${secret.id}.${key}`])),
      ),
    ]);
    expect(ids.filter((id) => !provoked.has(id))).toEqual([]);
    expect([...provoked].filter((id) => !ids.includes(id))).toEqual([]);
  });
}

/** Both ways, at the two sides of a version at which a chart changed. */
export function expectFound(pin: string, json: JsonMap, ids: readonly string[]): void {
  const { name: chart } = parsePin(pin);
  expect([pin, lint(pin, json)]).toEqual([pin, ids.map((id) => `${chart}/${id}`).sort()]);
}
