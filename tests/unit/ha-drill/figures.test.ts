/** The figures of a drill, and the verdict that follows from them. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { figuresOf, hasRecovered } from "../../../src/ha/drill/figures.ts";
import { makeReport } from "../../../src/ha/drill/report.ts";
import { reasonsAgainst } from "../../../src/ha/drill/verdict.ts";
import { attemptsOf } from "./support.ts";
import type { FigureInput } from "../../../src/ha/drill/figures.ts";
import type { Evidence } from "../../../src/ha/drill/verdict.ts";

function figures(pattern: string, input: Partial<FigureInput> = {}) {
  return figuresOf({
    attempts: attemptsOf(pattern),
    killedAt: 250,
    consecutive: 3,
    tolerated: 500,
    present: new Set(),
    ...input,
  });
}

describe("figures", () => {
  test("measure from the last acknowledgement before the kill to the first of enough after it", () => {
    expect(figures("..xxx....")).toMatchObject({
      detectedAt: 300,
      firstOkAt: 600,
      unavailable: 400,
      acknowledged: 6,
      errors: { ECONNREFUSED: 3 },
    });
  });

  test("say nothing came back when nothing did", () => {
    expect(figures("..xxxx")).toMatchObject({ unavailable: undefined, firstOkAt: undefined });
  });

  test("count the wait when a proxy lets clients wait and no attempt fails", () => {
    const [first, second, third] = attemptsOf("...");
    if (first === undefined || second === undefined || third === undefined) throw new Error("3");
    const attempts = [first, second, { ...third, ended: 640 }];
    expect(figures("", { attempts })).toMatchObject({
      unavailable: 440,
      gaps: [],
      detectedAt: undefined,
    });
  });

  test("do not hide a held connection that hangs behind fresh ones that work", () => {
    const attempts = [...attemptsOf("........"), ...attemptsOf("..xxxxxx", { stream: "held" })];
    expect(figures("", { attempts }).unavailable).toBeUndefined();
  });

  test("leave out what happened before the kill", () => {
    expect(figures("x...........", { killedAt: 850 })).toMatchObject({
      unavailable: 100,
      gaps: [],
    });
  });

  test("name the writes that were acknowledged and are gone", () => {
    expect(figures("....", { present: new Set([1, 2, 4]) }).lostAcknowledged).toEqual([3]);
  });

  test("for every sequence: away as long as its longest gap, or not back at all", () => {
    const patterns = fc.string({ unit: fc.constantFrom(".", "x"), minLength: 3, maxLength: 60 });
    fc.assert(
      fc.property(patterns, (pattern) => {
        const { unavailable, gaps } = figures(`..${pattern}`);
        if (gaps.some(({ until }) => until === undefined)) {
          expect(unavailable).toBeUndefined();
          return;
        }
        for (const { from, until } of gaps) {
          expect(unavailable ?? -1).toBeGreaterThanOrEqual((until ?? 0) - from);
        }
        expect(unavailable ?? -1).toBeGreaterThanOrEqual(100);
      }),
    );
  });
});

describe("recovery", () => {
  const streams = ["fresh"] as const;
  test("needs enough successes in a row that began after the kill", () => {
    const options = { since: 200, consecutive: 3, streams };
    expect(hasRecovered(attemptsOf("....."), options)).toBe(true);
    expect(hasRecovered(attemptsOf("...."), options)).toBe(false);
    expect(hasRecovered(attemptsOf("..x.."), options)).toBe(false);
    expect(hasRecovered(attemptsOf("..x..."), options)).toBe(true);
    expect(hasRecovered(attemptsOf("..x...x"), options)).toBe(false);
  });

  test("needs them in each stream", () => {
    const options = { since: 200, consecutive: 3, streams: ["fresh", "held"] as const };
    expect(hasRecovered(attemptsOf("....."), options)).toBe(false);
  });
});

describe("a drill passes", () => {
  const evidence: Evidence = {
    figures: figures("..xxx....", { present: new Set([1, 2, 6, 7, 8, 9]) }),
    window: 30_000,
    maxUnavailable: undefined,
    maxLostAcked: 0,
    writes: true,
    writesRead: true,
    primaryChanged: true,
    stillThere: undefined,
    afterFailures: [],
  };
  const against = (change: Partial<Evidence>): string =>
    reasonsAgainst({ ...evidence, ...change }).join("; ");

  test("when service was back in time, nothing was lost and the primary is another", () => {
    expect(against({})).toBe("");
    expect(against({ primaryChanged: undefined })).toBe("");
  });

  test("and not when it was back too late, or never", () => {
    expect(against({ window: 300 })).toBe("away for 0.4 s, the window is 0.3 s");
    expect(against({ maxUnavailable: 300 })).toBe("away for 0.4 s, at most 0.3 s were allowed");
    const never = { ...evidence.figures, unavailable: undefined };
    expect(against({ figures: never })).toBe(
      "no recovery within the window of 30 s (most often the client saw: ECONNREFUSED)",
    );
    expect(against({ figures: { ...never, errors: {} } })).toBe(
      "no recovery within the window of 30 s",
    );
  });

  test("and not when acknowledged writes are lost, or nobody could look", () => {
    const lost = { ...evidence.figures, lostAcknowledged: [3, 4] };
    expect(against({ figures: lost })).toBe("2 of 6 acknowledged writes are lost");
    expect(against({ figures: lost, maxLostAcked: 2 })).toBe("");
    expect(against({ writesRead: false })).toContain("could not be read afterwards");
    expect(against({ writes: false, writesRead: false })).toBe("");
  });

  test("and not when it killed nothing: the same primary, or a victim that lives on", () => {
    expect(against({ primaryChanged: false })).toContain("the same as before");
    expect(against({ stillThere: "pod db/pg-0" })).toContain("pod db/pg-0 lived on");
  });

  test("and not when a check afterwards fails", () => {
    expect(against({ afterFailures: ["pool: one backend is down"] })).toBe(
      "pool: one backend is down",
    );
  });
});

test("a report without a kill has no times of one, and counts no losses", () => {
  const report = makeReport(
    {
      drill: "some-drill",
      about: null,
      component: null,
      fileSha256: "0",
      host: "s1",
      toolVersion: "1",
      started: "2026-11-23T02:00:00Z",
      window: 30_000,
      restsOn: null,
    },
    {
      ended: "2026-11-23T02:00:01Z",
      verdict: "aborted",
      reasons: ["not well"],
      writesRead: true,
      checks: [],
      attempts: attemptsOf(".x"),
    },
  );
  expect(report).toMatchObject({
    killedAt: null,
    unavailable: null,
    lostAcknowledged: null,
    attempts: [
      [0, 50, 100, null],
      [0, 150, 200, "ECONNREFUSED"],
    ],
  });
});
