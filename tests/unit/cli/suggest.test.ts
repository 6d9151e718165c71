import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { editDistance, nearest } from "../../../src/cli/suggest.ts";

const NAMES = ["backup", "restore", "verify", "list", "show", "extract"];

describe("nearest()", () => {
  test("finds slips: swapped, missing, extra and wrong letters", () => {
    expect(nearest("bakcup", NAMES)).toBe("backup");
    expect(nearest("restor", NAMES)).toBe("restore");
    expect(nearest("verifyy", NAMES)).toBe("verify");
    expect(nearest("lost", NAMES)).toBe("list");
  });

  test("finds the one name that begins so", () => {
    expect(nearest("ext", NAMES)).toBe("extract");
  });

  test("suggests nothing for a word that is like none", () => {
    expect(nearest("frobnicate", NAMES)).toBeUndefined();
    expect(nearest("x", NAMES)).toBeUndefined();
  });
});

describe("editDistance()", () => {
  test("is a distance: zero only for equal words, and symmetric", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (left, right) => {
        expect(editDistance(left, right)).toBe(editDistance(right, left));
        expect(editDistance(left, right) === 0).toBe(left === right);
      }),
    );
  });

  test("counts two swapped neighbours as one edit", () => {
    expect(editDistance("abcd", "abdc")).toBe(1);
    expect(editDistance("kitten", "sitting")).toBe(3);
  });
});
