/** The table of faults is read as a proof: it must not hide a loss or a family. */
import { describe, expect, test } from "bun:test";
import { chanceFor } from "../../fault/seed.ts";
import { mergeResults } from "../../fault/results.ts";
import { pageOf, tableOf } from "../../fault/table.ts";

describe("tableOf()", () => {
  test("sums up, and keeps families it does not know", () => {
    const table = tableOf([
      { family: "new", fault: "b", tried: 1, survived: 0, lost: 1 },
      { family: "disk errors", fault: "a", tried: 100, survived: 100, lost: 0 },
      { family: "kill", fault: "c", tried: 20, survived: 20, lost: 0 },
    ]);
    const cells = table.split("\n").map((line) => line.replaceAll(/[ |]+/g, " ").trim());
    expect(cells.slice(2, 6)).toEqual([
      "kill c 20 20 0",
      "disk errors a 100 100 0",
      "new b 1 0 1",
      "all 121 120 1",
    ]);
  });
});

describe("the figures of full runs", () => {
  const run = {
    date: "2026-11-27",
    commit: "abc",
    seed: "1",
    rounds: 100,
    machine: "m",
    restsOn: "x",
  };
  const kill = { family: "kill", fault: "c", tried: 20, survived: 20, lost: 0 };
  const disk = { family: "disk errors", fault: "a", tried: 9, survived: 9, lost: 0 };

  test("mergeResults() replaces the row of a fault that ran again, and keeps the others", () => {
    const first = mergeResults([], [kill, disk], run);
    const later = { ...run, commit: "def" };
    const second = mergeResults(first, [{ ...kill, survived: 19, lost: 1 }], later);
    expect(second).toEqual([
      { ...disk, run },
      { ...kill, survived: 19, lost: 1, run: later },
    ]);
  });

  test("pageOf() says of which run each family is", () => {
    const page = pageOf(
      mergeResults(mergeResults([], [kill, disk], run), [disk], { ...run, commit: "def" }),
    );
    expect(page).toMatch(/commit abc, .*: kill\./);
    expect(page).toMatch(/commit def, .*: disk errors\./);
  });
});

describe("chanceFor()", () => {
  test("gives the same for the same seed and name, and something else for another", () => {
    const draw = (name: string, seed: string): number[] => {
      const chance = chanceFor(name, seed);
      return [chance.next(), chance.next()];
    };
    expect(draw("a", "1")).toEqual(draw("a", "1"));
    expect(draw("a", "1")).not.toEqual(draw("b", "1"));
    expect(draw("a", "1")).not.toEqual(draw("a", "2"));
  });

  test("draws a sample without repeating, in order", () => {
    const all = Array.from({ length: 50 }, (_, index) => index);
    const some = chanceFor("sample", "1").sample(all, 20);
    expect(some).toHaveLength(20);
    expect(new Set(some).size).toBe(20);
    expect(some).toEqual(some.toSorted((a, b) => a - b));
    expect(chanceFor("sample", "1").sample(all, 80)).toEqual(all);
  });
});
