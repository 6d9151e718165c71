/** A drill on one line of a terminal. */
import { describe, expect, test } from "bun:test";
import { drillTimeline } from "../../../src/ha/report/timeline.ts";
import { millisecondsText } from "../../../src/ha/report/words.ts";
import { FIXTURES, fixture } from "./support.ts";

describe("the line of a drill", () => {
  test("shows answers, the kill, failures and recovery in their order, then the figures", () => {
    const line = drillTimeline(fixture("passed"), 140);
    expect(line).toMatch(
      /^━+▼×+▲━+ passed, not on a live cluster: away for 6\.51 s, 30 s were allowed; 0 of 35 acknowledged writes lost$/,
    );
    const bar = line.split(" ")[0] ?? "";
    // The gap is 6.5 of 9.4 s.
    expect(Array.from(bar).filter((sign) => sign === "×").length / bar.length).toBeGreaterThan(0.5);
  });

  test("shows no recovery where there was none, and no failure where nobody noticed", () => {
    expect(drillTimeline(fixture("incident"), 120)).toMatch(
      /^━+▼×+ failed, not on a live cluster: service did not come back within 8 s$/,
    );
    expect(drillTimeline(fixture("unnoticed"), 120)).toMatch(
      /^━+▼━+ passed, not on a live cluster: no client noticed/,
    );
    expect(drillTimeline(fixture("aborted"), 120)).toBe(
      "aborted, not on a live cluster: no kill was measured, so nothing was proven",
    );
  });

  test("never is wider than it may be, and names the verdict as long as that fits", () => {
    for (const name of FIXTURES) {
      for (let width = 0; width <= 200; width += 1) {
        const line = drillTimeline(fixture(name), width);
        expect(Array.from(line).length).toBeLessThanOrEqual(width);
        if (width >= 40) expect(line).toContain(fixture(name).verdict);
      }
    }
  });

  test("of a live cluster does not say what it rests on", () => {
    const line = drillTimeline(fixture("passed", { restsOn: null }), 120);
    expect(line).toContain(" passed: away for 6.51 s");
  });

  test("marks a time in which nobody asked", () => {
    const attempts = [0, 100, 200, 300, 400, 8000, 8100].map(
      (at) => [0, at, at + 5, null] as const,
    );
    expect(drillTimeline(fixture("aborted", { attempts }), 100)).toMatch(/^━+·{10,}━+ aborted/);
  });
});

describe("milliseconds", () => {
  test("are as exact as a gap is measured, in units people read", () => {
    const texts = [0, 4.7, 12.4, 999, 1000, 1840, 6514, 12_000, 74_900, 305_000].map(
      millisecondsText,
    );
    expect(texts).toEqual([
      "0 ms",
      "4.7 ms",
      "12 ms",
      "999 ms",
      "1 s",
      "1.84 s",
      "6.51 s",
      "12 s",
      "74.9 s",
      "5 min 05 s",
    ]);
  });
});
