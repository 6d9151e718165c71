/** A report out of JSON: checked at the edge, for pages are made of files that were carried about. */
import * as v from "valibot";
import { REPORT_FORMAT } from "../drill/report.ts";
import { schemaProblem } from "../schema-problem.ts";
import type { DrillReport } from "../drill/report.ts";

const time = v.pipe(v.number(), v.finite());
const maybe = v.nullable(time);
const name = v.nullable(v.string());
const whole = v.pipe(v.number(), v.integer(), v.minValue(0));

const schema = v.object({
  format: v.literal(REPORT_FORMAT),
  drill: v.string(),
  about: name,
  component: v.nullable(v.object({ namespace: v.string(), release: v.string() })),
  fileSha256: v.string(),
  host: v.string(),
  toolVersion: v.string(),
  started: v.pipe(v.string(), v.isoTimestamp()),
  ended: v.pipe(v.string(), v.isoTimestamp()),
  verdict: v.picklist(["passed", "failed", "aborted", "interrupted"]),
  reasons: v.array(v.string()),
  window: time,
  victim: name,
  oldPrimary: name,
  newPrimary: name,
  killedAt: maybe,
  detectedAt: maybe,
  firstOkAt: maybe,
  redundancyRestoredAt: maybe,
  unavailable: maybe,
  baseline: v.object({ p50: maybe, p95: maybe, p99: maybe }),
  acknowledged: whole,
  lostAcknowledged: v.nullable(whole),
  gaps: v.array(v.object({ from: time, until: maybe, failures: whole })),
  errors: v.record(v.string(), whole),
  checks: v.array(
    v.object({
      id: v.string(),
      when: v.picklist(["before", "after"]),
      passed: v.boolean(),
      detail: v.string(),
      hint: v.exactOptional(v.string()),
    }),
  ),
  attempts: v.array(v.strictTuple([v.picklist([0, 1]), time, time, name])),
  restsOn: name,
});

/** The report in parsed JSON, or what is wrong with it as a phrase that quotes nothing. Fields of later versions are left out. */
export function parseReport(
  value: unknown,
): { readonly report: DrillReport } | { readonly problem: string } {
  const parsed = v.safeParse(schema, value);
  return parsed.success ? { report: parsed.output } : { problem: schemaProblem(parsed.issues[0]) };
}
