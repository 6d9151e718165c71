/** Values files as helm reads and merges them; tests/interop/helm-values.test.ts asks helm itself. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { mergeAll, mergeValues } from "../../../src/ha/merge-values.ts";
import { parseValues } from "../../../src/ha/parse-values.ts";
import { nodeAt, placeOf, plainOf } from "../../../src/ha/value-node.ts";
import { failureOf } from "../../helpers/errors.ts";
import { anyValues, fromJson, values } from "./support.ts";

const plain = (text: string): unknown => JSON.parse(JSON.stringify(plainOf(values(text))));

describe("a values file", () => {
  test("means what YAML 1.1 says, as in helm", () => {
    expect(plain("a: yes\nb: 'yes'\nc: 017\nd: 0x1F\ne: 1_000\nf: 1e3\ng: .5\nh: 08\n")).toEqual({
      a: true,
      b: "yes",
      c: 15,
      d: 31,
      e: 1000,
      f: 1000,
      g: 0.5,
      h: 8,
    });
    expect(plain("a:\nb: ~\nc: ''\nd: 2026-01-01\ne: !!str 5\non: 1\n17: x\n")).toEqual({
      a: null,
      b: null,
      c: "",
      d: "2026-01-01",
      e: "5",
      true: 1,
      17: "x",
    });
  });

  test("may use anchors, aliases and merge keys", () => {
    const text = "base: &b {x: 1, y: {z: 2}}\nuse: *b\nmerged:\n  <<: *b\n  x: 3\n";
    expect(plain(text)).toEqual({
      base: { x: 1, true: { z: 2 } },
      use: { x: 1, true: { z: 2 } },
      merged: { x: 3, true: { z: 2 } },
    });
  });

  test("remembers the line of each value, and where one would belong", () => {
    const root = values("a:\n  b: 1\n  c:\n    - x\n\nd: {}\n", "pg.yaml");
    expect(nodeAt(root, ["a", "b"])?.at).toEqual({ file: "pg.yaml", line: 2 });
    expect(placeOf(root, ["a", "missing", "deep"])).toEqual({ file: "pg.yaml", line: 1 });
    expect(placeOf(root, ["d", "missing"])).toEqual({ file: "pg.yaml", line: 6 });
  });

  test("tells keys that are given twice, of which helm takes the last", () => {
    const { root, duplicates } = parseValues("a: 1\nb: 2\na: 3\n", { file: "x" });
    expect(plainOf(root)).toMatchObject({ a: 3, b: 2 });
    expect(duplicates).toEqual([{ key: "a", at: { file: "x", line: 3 } }]);
  });

  test("that is no map, or no YAML, is refused with its line and without a word of it", async () => {
    const wrong: [string, string][] = [
      ["a: 1\nhunter2: [\n", "x:"],
      ["- hunter2\n", "x:1"],
      ["a: 1\nb: *hunter2\n", "x:2"],
      ["hunter2\n", "x:1"],
      ["a: 1\n\thunter2: x\n", "x:"],
    ];
    for (const [text, place] of wrong) {
      const failure = await failureOf(() => parseValues(text, { file: "x" }));
      expect(failure.code).toBe("VALUES_INVALID");
      expect(failure.message).toContain(place);
      expect(`${failure.message}${failure.hint}${String(failure.cause)}`).not.toContain("hunter2");
    }
  });

  test("that explodes through its aliases is refused, not expanded", async () => {
    const lines = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"];
    for (let level = 1; level < 9; level += 1) {
      const aliases = Array.from({ length: 10 }, () => `*a${level - 1}`).join(",");
      lines.push(`a${level}: &a${level} [${aliases}]`);
    }
    const failure = await failureOf(() => parseValues(lines.join("\n"), { file: "x" }));
    expect(failure.message).toContain("too large with all its aliases");
  });
});

describe("merging values files", () => {
  test("lets later ones win, merges maps, replaces lists, and keeps nulls", () => {
    const merged = mergeAll([
      values("a: {x: 1, y: [1, 2]}\nb: 1\nc: {z: 1}\n"),
      values("a: {x: 2, y: [3]}\nb: null\nc: text\n"),
    ]);
    expect(JSON.parse(JSON.stringify(plainOf(merged)))).toEqual({
      a: { x: 2, true: [3] },
      b: null,
      c: "text",
    });
  });

  test("gives the file and line of what won", () => {
    const merged = mergeValues(values("a: 1\nb: 2\n", "one"), values("\n\nb: 3\n", "two"));
    expect(nodeAt(merged, ["a"])?.at).toEqual({ file: "one", line: 1 });
    expect(nodeAt(merged, ["b"])?.at).toEqual({ file: "two", line: 3 });
  });

  test("is the same however files are grouped, changes nothing for the same file, and hides nothing", () => {
    const property = fc.property(anyValues, anyValues, anyValues, (one, two, three) => {
      const [a, b, c] = [fromJson(one), fromJson(two), fromJson(three)];
      const left = plainOf(mergeValues(mergeValues(a, b), c));
      expect(plainOf(mergeAll([a, b, c]))).toEqual(left);
      expect(plainOf(mergeValues(a, a))).toEqual(plainOf(a));
      expect(Object.keys(Object(left)).sort()).toEqual(
        [...new Set([...a.entries.keys(), ...b.entries.keys(), ...c.entries.keys()])].sort(),
      );
    });
    fc.assert(property, { numRuns: 150 });
  });
});
