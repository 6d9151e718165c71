/** The page of a drill: says what happened, is one file, and lets nothing of a report become markup. */
import { describe, expect, test } from "bun:test";
import { reportPage } from "../../../src/ha/report/page.ts";
import { parseReport } from "../../../src/ha/report/read-report.ts";
import { elementsOf } from "../../helpers/html.ts";
import { FIXTURES, fixture, shownText } from "./support.ts";
import type { DrillReport } from "../../../src/ha/drill/report.ts";

/** Breaks out of an element, a quoted attribute, a style sheet and an SVG title, if anything does. */
const EVIL = `"'></style></svg><script>alert(1)</script><img src=x onerror=alert(1)>&lt;\u0000\u202e\ud800`;

function evil(): DrillReport {
  const base = fixture("passed");
  return {
    ...base,
    drill: EVIL,
    about: EVIL,
    component: { namespace: EVIL, release: EVIL },
    fileSha256: EVIL,
    host: EVIL,
    toolVersion: EVIL,
    started: EVIL,
    ended: EVIL,
    verdict: "failed",
    reasons: [EVIL],
    victim: EVIL,
    oldPrimary: EVIL,
    newPrimary: EVIL,
    errors: { [EVIL]: 1 },
    checks: [{ id: EVIL, when: "after", passed: false, detail: EVIL, hint: EVIL }],
    attempts: base.attempts.map(([stream, began, ended]) => [stream, began, ended, EVIL]),
    restsOn: EVIL,
  };
}

/** The kill, and a minute of calm after it. */
function longDrill(): DrillReport {
  const report = fixture("passed");
  const end = report.attempts.at(-1)?.[2] ?? 0;
  const calm = Array.from({ length: 300 }, (_, index) => end + 200 * (index + 1));
  const attempts = [...report.attempts, ...calm.map((at) => [0, at, at + 5, null] as const)];
  return { ...report, attempts };
}

describe("the page of a drill", () => {
  test("of every real report is well-formed and names verdict, window and each check", () => {
    for (const name of FIXTURES) {
      const report = fixture(name);
      const shown = shownText(reportPage(report));
      expect(shown).toContain(report.verdict);
      expect(shown).toContain(report.drill);
      for (const { id, detail } of report.checks) expect(shown).toContain(`${id} | ${detail}`);
      for (const reason of report.reasons) expect(shown).toContain(reason);
    }
  });

  test("of a pass shows gap, window, acknowledged and lost writes, percentiles and both primaries", () => {
    const shown = shownText(reportPage(fixture("passed")));
    expect(shown).toContain(
      "away for 6.51 s, 30 s were allowed; 0 of 35 acknowledged writes lost.",
    );
    expect(shown).toContain(
      "without service | 6.51 s | allowed | 30 s | acknowledged | 35 | of these lost | 0",
    );
    expect(shown).toContain("8.3 ms / 34 ms / 69 ms");
    expect(shown).toContain("primary before | 127.0.0.1:33079");
    expect(shown).toContain("primary after | 127.0.0.1:41087");
    expect(shown).toContain("timeout | 6 times");
  });

  test("of the incident says that service did not come back, and claims nothing about lost writes", () => {
    const shown = shownText(reportPage(fixture("incident")));
    expect(shown).toContain("without service | not back");
    expect(shown).toContain("acknowledged writes lost | –");
    expect(shown).not.toContain("writes lost.");
  });

  test("of a drill that killed nothing proves nothing, and shows no gap", () => {
    const page = reportPage(fixture("aborted"));
    expect(shownText(page)).toContain("no kill was measured, so nothing was proven");
    expect(shownText(page)).toContain("No attempt was recorded.");
    expect(page).not.toContain("<svg");
  });

  test("says at the verdict, not only below, that a result rests on a stand-in", () => {
    const words = "Rests on a stand-in for K3s; proves nothing of a live cluster.";
    const verdictOf = (report: DrillReport): string | undefined =>
      elementsOf(reportPage(report))
        .find(({ text }) => text === words)
        ?.parents.join(" ");
    expect(verdictOf(fixture("passed", { restsOn: "a stand-in for K3s" }))).toBe(
      "html body main div",
    );
    expect(shownText(reportPage(fixture("passed", { restsOn: null })))).not.toContain("Rests on");
  });

  test("refers to nothing outside itself, runs nothing, and forbids both", () => {
    for (const report of [...FIXTURES.map((name) => fixture(name)), evil()]) {
      const page = reportPage(report, { json: "report.json" });
      expect(page).not.toMatch(/https?:|url\((?!#)|@import|javascript:/i);
      const elements = elementsOf(page);
      const names = new Set(elements.map(({ name }) => name));
      for (const name of ["script", "link", "img", "iframe", "object", "foreignObject", "use"]) {
        expect(names.has(name)).toBe(false);
      }
      for (const { attributes } of elements) {
        for (const name of attributes.keys()) expect(name).not.toMatch(/^on|^style$|^src/i);
      }
      const links = elements.flatMap(({ attributes }) => attributes.get("href") ?? []);
      expect(links).toEqual(["./report.json"]);
      expect(page).toContain("default-src 'none'".replaceAll("'", "&#39;"));
    }
  });

  test("shows text of a report as text, whatever it is", () => {
    const page = reportPage(evil(), { json: `${EVIL}.json` });
    const clean = EVIL.replaceAll(/[\u0000\u202e\ud800]/g, "\ufffd");
    const elements = elementsOf(page);
    const whole = elements.filter(({ text }) => text.includes(clean)).map(({ name }) => name);
    for (const name of ["title", "h1", "li", "td", "th", "code", "a"])
      expect(whole).toContain(name);
    expect(page).not.toMatch(/<script|<img|[\u0000\u202e]/);
    expect(page.isWellFormed()).toBe(true);
  });

  test("of a long drill shows the kill close up too, of a short one only once", () => {
    expect(shownText(reportPage(longDrill()))).toContain("Around the kill | ");
    expect(shownText(reportPage(fixture("passed")))).not.toContain("Around the kill | ");
  });

  test("of one single attempt is drawn without a figure that is no number", () => {
    const page = reportPage(fixture("aborted", { attempts: [[0, 258, 258, "refused"]] }));
    expect(elementsOf(page).some(({ name }) => name === "svg")).toBe(true);
    expect(page).not.toMatch(/NaN|Infinity|undefined/);
    expect(shownText(page)).toContain("Time since the first attempt.");
  });
});

describe("a report out of JSON", () => {
  test("is refused in another format, with a field missing or of another kind; fields of later versions do no harm", () => {
    const whole = fixture("passed");
    const { window: _window, ...without } = whole;
    expect(parseReport({ ...whole, later: 1 })).toEqual({ report: whole });
    const bad: readonly unknown[] = [
      { ...whole, format: "railiance.drill-report/2" },
      without,
      { ...whole, attempts: [[2, 0, 1, null]] },
      { ...whole, attempts: [[0, Number.NaN, 1, null]] },
      { ...whole, started: "yesterday" },
      undefined,
    ];
    for (const value of bad) expect("problem" in parseReport(value)).toBe(true);
  });
});

describe("the drawing", () => {
  const paths = (report: DrillReport, kind: "good" | "bad"): number[] =>
    elementsOf(reportPage(report))
      .filter(({ name, attributes }) => name === "path" && attributes.get("class") === kind)
      .map(({ attributes }) => (attributes.get("d") ?? "").split("M").length - 1);

  test("has one mark for each attempt, in the lane of its stream, at both widths", () => {
    const report = fixture("incident");
    const count = (stream: number, failed: boolean): number =>
      report.attempts.filter((one) => one[0] === stream && (one[3] !== null) === failed).length;
    const twice = (values: number[]): number[] => [...values, ...values];
    expect(paths(report, "bad")).toEqual(twice([count(0, true), count(1, true)]));
    expect(paths(report, "good")).toEqual(twice([count(0, false), count(1, false)]));
  });

  test("marks kill, detection and recovery where they were, and shades the gap between", () => {
    const report = fixture("passed");
    const elements = elementsOf(reportPage(report));
    const line = (kind: string): number =>
      Number(
        elements
          .find(
            ({ name, attributes }) =>
              name === "line" && attributes.get("class") === `moment ${kind}`,
          )
          ?.attributes.get("x1"),
      );
    const gap = elements.find(({ attributes }) => attributes.get("class") === "gap")?.attributes;
    const [left, wide] = [Number(gap?.get("x")), Number(gap?.get("width"))];
    expect(line("kill")).toBeLessThan(line("detected"));
    expect(line("detected")).toBeLessThan(line("back"));
    expect(left).toBeLessThan(line("kill"));
    expect(Math.abs(left + wide - line("back"))).toBeLessThan(0.2);
    const words = elements.filter(({ attributes }) => attributes.get("class") === "gap-words");
    expect(words.map(({ text }) => text)).toEqual([
      "6.51 s without service",
      "6.51 s without service",
    ]);
  });

  test("has no line of a moment go through the name of a lane where one side of the drawing is free", () => {
    const names = elementsOf(reportPage(longDrill()))
      .filter(({ text }) => text === "new connections")
      .map(({ attributes }) => attributes.get("text-anchor"));
    // Around the kill, then the whole, each for both widths.
    expect(names.slice(2)).toEqual(["end", "end"]);
    expect(names[0]).toBe("start");
  });

  test("has each label below those that reach over its line, so that no line strikes one out", () => {
    const report = { ...fixture("passed"), killedAt: 2000, detectedAt: 2050, firstOkAt: 2600 };
    const at = (kind: string): number =>
      Number(
        elementsOf(reportPage(report))
          .find(({ attributes }) => attributes.get("class") === `moment ${kind}`)
          ?.attributes.get("y1"),
      );
    expect(at("detected")).toBeGreaterThan(at("kill"));
    expect(at("back")).toBeGreaterThan(at("detected"));
  });

  test("keeps every label within the picture and off the others", () => {
    const base = fixture("passed");
    const report = {
      ...base,
      killedAt: 9_700,
      detectedAt: 9_705,
      firstOkAt: 9_710,
      redundancyRestoredAt: 12,
    };
    const labels = elementsOf(reportPage(report)).filter(
      ({ name, attributes }) =>
        name === "text" && (attributes.get("class") ?? "").startsWith("moment"),
    );
    expect(labels).toHaveLength(8);
    const rows = labels.slice(0, 4).map(({ attributes }) => attributes.get("y"));
    expect(new Set(rows).size).toBe(4);
    for (const { attributes } of labels) expect(attributes.get("text-anchor")).toBe("end");
  });
});
