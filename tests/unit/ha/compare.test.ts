/** What a release has against what the files say. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareValues } from "../../../src/ha/compare-values.ts";
import { nodeOf, printPath } from "../../../src/ha/value-node.ts";
import { anyValues, fromJson, values } from "./support.ts";
import type { JsonMap } from "./support.ts";

const AT = { file: "live", line: 1 };

function compare(file: JsonMap, live: JsonMap): string[] {
  const { differences } = compareValues(fromJson(file), nodeOf(live, AT));
  return differences.map((one) => `${one.class} ${printPath(one.path)}`).sort();
}

describe("values of files and release", () => {
  test("differ by class: what an upgrade would lose, what was never applied, what changed", () => {
    const file = { a: 1, list: [1, 2], same: { x: null }, only: { deep: { er: 1 } }, port: "5432" };
    const live = { a: 2, list: [2, 1, 3], same: { x: null }, more: { p: 1, q: [1] }, port: 5432 };
    expect(compare(file, live)).toEqual([
      "changed a",
      "changed list[0]",
      "changed list[1]",
      "changed port",
      "file-only only.deep.er",
      "live-only list[2]",
      "live-only more.p",
      "live-only more.q",
    ]);
  });

  test("tell a null from nothing, and an empty map from nothing", () => {
    expect(compare({ a: null, b: {} }, {})).toEqual(["file-only a", "file-only b"]);
    expect(compare({ a: null }, { a: null })).toEqual([]);
    expect(compare({ a: null }, { a: 0 })).toEqual(["changed a"]);
    expect(compare({ a: {} }, { a: [] })).toEqual(["changed a"]);
  });

  test("that are sealed count as there, and as not compared", () => {
    const sealed = { kind: "sealed" as const, at: AT };
    const file = { ...values("a: 1\n"), entries: new Map([["secret", sealed]]) };
    expect(compareValues(file, nodeOf({ secret: "x" }, AT))).toEqual({
      differences: [],
      unknown: 1,
    });
    expect(compareValues(file, nodeOf({}, AT)).differences.map((one) => one.class)).toEqual([
      "file-only",
    ]);
  });

  test("are equal to themselves, and swap their classes when they swap sides", () => {
    const swapped: Record<string, string> = { "file-only": "live-only", "live-only": "file-only" };
    const property = fc.property(anyValues, anyValues, (one, two) => {
      expect(compare(one, one)).toEqual([]);
      const there = compare(one, two).map((line) => {
        const [head = "", ...rest] = line.split(" ");
        return [swapped[head] ?? head, ...rest].join(" ");
      });
      expect(compare(two, one)).toEqual(there.sort());
      const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(two));
      expect(compare(one, two).length === 0).toBe(same);
    });
    fc.assert(property, { numRuns: 150 });
  });
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .map(([key, inner]): [string, unknown] => [key, sorted(inner)])
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return { entries }; // an empty map is no empty list
}
