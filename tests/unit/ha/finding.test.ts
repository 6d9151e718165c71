/** What of a value may be shown. */
import { describe, expect, test } from "bun:test";
import { shownValue } from "../../../src/ha/finding.ts";
import type { Scalar, ScalarNode, ValuePath } from "../../../src/ha/value-node.ts";

const AT = { file: "x", line: 1 };
const node = (value: Scalar, secret = false): ScalarNode => ({
  kind: "scalar",
  value,
  secret,
  at: AT,
});

describe("a value in a sentence", () => {
  test("is shown when it is a number or a switch, or a text under a harmless name", () => {
    const shown: [ValuePath, Scalar, string][] = [
      [["pgpool", "replicaCount"], 2, "2"],
      [["pdb", "create"], true, "true"],
      [["image", "tag"], "17.5.0", '"17.5.0"'],
      [["a"], null, "null"],
    ];
    for (const [path, value, text] of shown) expect(shownValue(path, node(value))).toBe(text);
  });

  test("is not when it was encrypted, may be a secret by its path, or is any other text", () => {
    expect(shownValue(["replicaCount"], node(2, true))).toBeUndefined();
    expect(shownValue(["image", "tag"], node("17", true))).toBeUndefined();
    expect(shownValue(["replicaCount"], { kind: "sealed", at: AT })).toBeUndefined();
    expect(shownValue(["replicaCount"], undefined)).toBeUndefined();
    const paths: ValuePath[] = [
      ["pgpool", "srCheckPassword"],
      ["auth", "pin"],
      ["tokens", 0],
      ["secretKey"],
      ["credentials", "image", "tag"],
    ];
    for (const path of paths) expect(shownValue(path, node(1234))).toBeUndefined();
    for (const path of [["note"], ["env", 0, "value"], ["host"]]) {
      expect(shownValue(path, node("hunter2"))).toBeUndefined();
    }
    expect(shownValue(["image", "tag"], node("x".repeat(200)))).toBeUndefined();
  });
});
