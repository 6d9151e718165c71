/** What `ha drill` prints, for people and for programs. */
import { describe, expect, test } from "bun:test";
import { drillFields, drillLines, timelineLine } from "../../../src/cli/ha/drill-lines.ts";
import type { DrillReport } from "../../../src/ha/drill/report.ts";

const PASSED: DrillReport = {
  format: "railiance.drill-report/1",
  drill: "postgres-primary-kill",
  about: null,
  component: { namespace: "db", release: "pg" },
  fileSha256: "00",
  host: "s1",
  toolVersion: "1",
  started: "2026-11-23T02:00:00Z",
  ended: "2026-11-23T02:00:20Z",
  verdict: "passed",
  reasons: [],
  window: 60_000,
  victim: "pod db/pg-0",
  oldPrimary: "pg-0",
  newPrimary: "pg-1",
  killedAt: 3000,
  detectedAt: 3200,
  firstOkAt: 5100,
  redundancyRestoredAt: 14_000,
  unavailable: 2300,
  baseline: { p50: 4, p95: 9.5, p99: 12 },
  acknowledged: 99,
  lostAcknowledged: 0,
  gaps: [{ from: 2800, until: 5100, failures: 7 }],
  errors: { CONNECTION_CLOSED: 1, timeout: 6 },
  checks: [
    { id: "pool", when: "before", passed: true, detail: "3 backends" },
    { id: "rejoined", when: "after", passed: true, detail: "3 backends" },
  ],
  attempts: [[0, 0, 4, null]],
  restsOn: null,
};

describe("the timeline of a drill", () => {
  test("has the kill, the gap, the writes and the verdict in plain lines", () => {
    expect(drillLines(PASSED, { files: ["/reports/a.json"] })).toEqual([
      "postgres-primary-kill: passed",
      "  killed       pod db/pg-0, at 02:00:03 UTC",
      "  noticed      after 0.2 s",
      "  back         after 2.1 s",
      "  gap          2.3 s; the window is 60 s",
      "  writes       99 acknowledged, 0 lost",
      "  before       half within 4 ms, 95 % within 9.5 ms, 99 % within 12 ms",
      "  errors       CONNECTION_CLOSED 1 times, timeout 6 times",
      "  primary      pg-0, then pg-1",
      "  well again   after 14 s",
      "  well before  pool: 3 backends",
      "  then         rejoined: 3 backends",
      "  report       /reports/a.json",
    ]);
  });

  test("on a terminal begins with the drawn line, in its width, and says what the result rests on", () => {
    const report = { ...PASSED, restsOn: "a stand-in for K3s" };
    const [line = "", ...rest] = drillLines(report, { files: [], columns: 100 });
    expect(line).toMatch(/^postgres-primary-kill: .*▼.* passed, not on a live cluster: /);
    expect(Array.from(line).length).toBeLessThanOrEqual(100);
    expect(line).toBe(timelineLine(report, 100));
    expect(rest).toContain("  rests on     a stand-in for K3s; not on a live cluster");
    expect(drillFields(report, [])["rests_on"]).toBe("a stand-in for K3s");
  });

  test("says what was not: no kill, no figures of one", () => {
    const report: DrillReport = {
      ...PASSED,
      verdict: "aborted",
      reasons: ["nothing was killed, for it is not well now"],
      victim: null,
      oldPrimary: null,
      newPrimary: null,
      killedAt: null,
      detectedAt: null,
      firstOkAt: null,
      redundancyRestoredAt: null,
      unavailable: null,
      baseline: { p50: null, p95: null, p99: null },
      lostAcknowledged: null,
      gaps: [],
      errors: {},
      checks: [{ id: "pool", when: "before", passed: false, detail: "no primary" }],
      attempts: [],
    };
    expect(drillLines(report, { files: [] })).toEqual([
      "postgres-primary-kill: aborted",
      "  killed       nothing",
      "  well before  NOT pool: no primary",
      "  because      nothing was killed, for it is not well now",
    ]);
  });

  test("does not call service back that is not, nor writes lost that nobody counted", () => {
    const report = { ...PASSED, unavailable: null, firstOkAt: null, lostAcknowledged: null };
    const text = drillLines(report, { files: [] }).join("\n");
    expect(text).toContain("gap          not closed; the window is 60 s");
    expect(text).toContain("99 acknowledged, lost ones not counted");
    expect(text).not.toContain("  back");
  });

  test("tells a kill that no client noticed", () => {
    expect(drillLines({ ...PASSED, detectedAt: null }, { files: [] })).toContain(
      "  noticed      by no client",
    );
  });
});

test("the fields of --json have their unit in their name, and null for what is not known", () => {
  expect(drillFields({ ...PASSED, unavailable: null }, ["/r.json"])).toMatchObject({
    verdict: "passed",
    unavailable_ms: null,
    baseline_p95_ms: 9.5,
    acked: 99,
    lost_acked: 0,
    old_primary: "pg-0",
    new_primary: "pg-1",
    redundancy_restored_ms: 14_000,
    errors_by_kind: { CONNECTION_CLOSED: 1, timeout: 6 },
    reports: ["/r.json"],
  });
});
