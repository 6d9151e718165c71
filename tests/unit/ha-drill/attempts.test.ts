/** Gaps, percentiles and lost writes, out of what a probe saw. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  errorsByKind,
  gapsIn,
  lengthOf,
  lostWrites,
  percentile,
} from "../../../src/ha/drill/attempts.ts";
import { attemptsOf } from "./support.ts";

const patterns = fc.string({ unit: fc.constantFrom(".", "x"), maxLength: 60 });
const rules = { consecutive: 3, tolerated: 250 };

describe("gaps", () => {
  test("go from the last success before to the first of enough successes in a row", () => {
    expect(gapsIn(attemptsOf("..xx..."), rules)).toEqual([{ from: 200, until: 500, failures: 2 }]);
  });

  test("are not closed by fewer successes in a row than asked for", () => {
    expect(gapsIn(attemptsOf("..x..x..."), rules)).toEqual([
      { from: 200, until: 700, failures: 2 },
    ]);
    expect(gapsIn(attemptsOf("..x.."), rules)).toEqual([
      { from: 200, until: undefined, failures: 1 },
    ]);
  });

  test("begin with the first attempt when nothing ever succeeded", () => {
    expect(gapsIn(attemptsOf("xx"), rules)).toEqual([{ from: 50, until: undefined, failures: 2 }]);
  });

  test("are also holes without a failure, when longer than an attempt may take", () => {
    const [first, second] = attemptsOf("..");
    if (first === undefined || second === undefined) throw new Error("two attempts");
    const late = { ...second, ended: 900 };
    expect(gapsIn([first, late], rules)).toEqual([{ from: 100, until: 900, failures: 0 }]);
    expect(gapsIn([first, late], { ...rules, tolerated: 800 })).toEqual([]);
  });

  test("hold for every sequence: in order, apart, and every failure lies in exactly one", () => {
    fc.assert(
      fc.property(patterns, fc.integer({ min: 1, max: 6 }), (pattern, consecutive) => {
        const attempts = attemptsOf(pattern);
        const gaps = gapsIn(attempts, { consecutive, tolerated: 250 });
        const failed = attempts.filter(({ error }) => error !== undefined);
        expect(gaps.reduce((sum, { failures }) => sum + failures, 0)).toBe(failed.length);
        gaps.forEach(({ from, until }, index) => {
          expect(until ?? Number.POSITIVE_INFINITY).toBeGreaterThan(from);
          expect(gaps[index + 1]?.from ?? Number.POSITIVE_INFINITY).toBeGreaterThanOrEqual(
            until ?? Number.POSITIVE_INFINITY,
          );
        });
        for (const { ended } of failed) {
          const around = gaps.filter(
            ({ from, until }) => from < ended && ended < (until ?? Number.POSITIVE_INFINITY),
          );
          expect(around.length).toBe(1);
        }
      }),
    );
  });

  test("do not depend on the order in which attempts were noted", () => {
    fc.assert(
      fc.property(patterns, fc.integer(), (pattern, seed) => {
        const attempts = attemptsOf(pattern);
        const mixed = attempts.toSorted(
          (left, right) => ((left.sequence * 31 + seed) % 7) - ((right.sequence * 31 + seed) % 7),
        );
        expect(gapsIn(mixed, rules)).toEqual(gapsIn(attempts, rules));
      }),
    );
  });

  test("never closed count until the end", () => {
    expect(lengthOf({ from: 100, until: undefined, failures: 3 }, 1100)).toBe(1000);
  });
});

describe("percentiles", () => {
  test("are one of the values, and no smaller share gives a larger one", () => {
    const shares = fc.double({ min: 0, max: 1, noNaN: true });
    const values = fc.array(fc.integer({ min: 0, max: 9999 }), { minLength: 1 });
    fc.assert(
      fc.property(values, shares, shares, (all, one, other) => {
        const low = percentile(all, Math.min(one, other)) ?? -1;
        const high = percentile(all, Math.max(one, other)) ?? -1;
        expect(all.includes(low)).toBe(true);
        expect(high).toBeGreaterThanOrEqual(low);
      }),
    );
    expect(percentile([5, 1, 4, 2, 3], 0.5)).toBe(3);
    expect(percentile([5, 1, 4, 2, 3], 1)).toBe(5);
  });

  test("of nothing are none", () => {
    expect(percentile([], 0.95)).toBeUndefined();
  });
});

describe("writes and errors", () => {
  test("lost are those acknowledged and not found; found and not acknowledged is no loss", () => {
    expect(lostWrites([1, 2, 3], new Set([1, 3, 4]))).toEqual([2]);
  });

  test("kinds of errors are counted, the most frequent first", () => {
    const attempts = attemptsOf("x.xx").map((one, index) =>
      index === 0 ? { ...one, error: "timeout" } : one,
    );
    expect(Object.entries(errorsByKind(attempts))).toEqual([
      ["ECONNREFUSED", 2],
      ["timeout", 1],
    ]);
  });
});
