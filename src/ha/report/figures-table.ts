/** The figures of a drill, as names and values for a table. */
import { percentile } from "../drill/attempts.ts";
import { millisecondsText } from "./words.ts";
import type { DrillReport } from "../drill/report.ts";

export interface FigureRow {
  readonly name: string;
  readonly value: string;
}

/** Unknown is a dash: a figure that was not measured must not read as zero. */
const UNKNOWN = "–";

/** Each figure of the report that means something for how it ended. */
export function figureRows(report: DrillReport): readonly FigureRow[] {
  const { killedAt } = report;
  const sinceKill = (at: number | null): string =>
    at === null || killedAt === null ? UNKNOWN : millisecondsText(at - killedAt);
  const failed = report.attempts.filter(([, , , error]) => error !== null).length;
  return [
    { name: "allowed without service (window)", value: millisecondsText(report.window) },
    { name: "longest time without service", value: gapText(report) },
    {
      name: "from the kill to the first failed attempt",
      value:
        report.detectedAt === null && killedAt !== null
          ? "no attempt failed"
          : sinceKill(report.detectedAt),
    },
    {
      name: "from the kill to service back",
      value:
        report.detectedAt === null && report.gaps.length === 0 && killedAt !== null
          ? "it was never away"
          : sinceKill(report.firstOkAt),
    },
    {
      name: "from the kill to every check holding again",
      value:
        report.redundancyRestoredAt === null
          ? UNKNOWN
          : millisecondsText(report.redundancyRestoredAt),
    },
    {
      name: "answer time before the kill, p50 / p95 / p99",
      value: three(report.baseline.p50, report.baseline.p95, report.baseline.p99),
    },
    { name: "answer time once back, p50 / p95 / p99", value: timesOnceBack(report) },
    { name: "attempts, failed of all", value: `${failed} of ${report.attempts.length}` },
    { name: "acknowledged", value: String(report.acknowledged) },
    {
      name: "acknowledged writes lost",
      value: report.lostAcknowledged === null ? UNKNOWN : String(report.lostAcknowledged),
    },
  ];
}

/** The longest gap as a tile shows it. */
export function gapText(report: DrillReport): string {
  if (report.killedAt === null) return UNKNOWN;
  if (report.unavailable === 0) return "none seen";
  return report.unavailable === null ? "not back" : millisecondsText(report.unavailable);
}

function three(...values: readonly (number | null | undefined)[]): string {
  if (values.every((value) => value === null || value === undefined)) return UNKNOWN;
  return values
    .map((value) => (value === null || value === undefined ? UNKNOWN : millisecondsText(value)))
    .join(" / ");
}

/** A failover that answers, but ten times as slowly, should be seen. */
function timesOnceBack(report: DrillReport): string {
  const since = report.firstOkAt ?? (report.unavailable === 0 ? report.killedAt : null);
  if (since === null) return UNKNOWN;
  const times = report.attempts
    .filter(([, began, , error]) => error === null && began >= since)
    .map(([, began, ended]) => ended - began);
  return three(percentile(times, 0.5), percentile(times, 0.95), percentile(times, 0.99));
}
