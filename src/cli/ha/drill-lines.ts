/** The report of a drill as a timeline for people, and as fields of the result envelope. */
import { drillTimeline } from "../../app/ha-reports.ts";
import { spanText } from "../../words.ts";
import { formatDuration } from "../format.ts";
import type { DrillReport } from "../../ha/drill/report.ts";

/** `NAME: ━━▼××▲━━ passed: …`, for a terminal of that width; the same after a drill and from its report. */
export function timelineLine(report: DrillReport, columns: number): string {
  const name = `${report.drill}: `;
  return name + drillTimeline(report, Math.max(0, columns - name.length));
}

/** Lines with the verdict first, as a timeline where there is a terminal of so many `columns`; what is not known is left out. */
export function drillLines(
  report: DrillReport,
  options: { readonly files: readonly string[]; readonly columns?: number | undefined },
): string[] {
  const { files, columns } = options;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["killed", killedText(report)],
    ["noticed", sinceKill(report, report.detectedAt) ?? unnoticed(report)],
    ["back", sinceKill(report, report.firstOkAt)],
    ["gap", gapText(report)],
    ["writes", writesText(report)],
    ["before", baselineText(report)],
    ["errors", errorsText(report)],
    ["primary", primaryText(report)],
    ["well again", restoredText(report)],
    ...report.checks.map(
      ({ when, passed, id, detail }) =>
        [
          when === "before" ? "well before" : "then",
          `${passed ? "" : "NOT "}${id}: ${detail}`,
        ] as const,
    ),
    ["rests on", restsText(report)],
    ...report.reasons.map((reason) => ["because", reason] as const),
    ...files.map((file) => ["report", file] as const),
  ];
  return [
    columns === undefined ? `${report.drill}: ${report.verdict}` : timelineLine(report, columns),
    ...rows.flatMap(([name, text]) => (text === undefined ? [] : `  ${name.padEnd(12)} ${text}`)),
  ];
}

function restsText({ restsOn }: DrillReport): string | undefined {
  return restsOn === null ? undefined : `${restsOn}; not on a live cluster`;
}

function killedText({ victim, killedAt, started }: DrillReport): string | undefined {
  if (killedAt === null) return "nothing";
  const time = new Date(Date.parse(started) + killedAt).toISOString().slice(11, 19);
  return `${victim ?? "unknown"}, at ${time} UTC`;
}

function sinceKill({ killedAt }: DrillReport, at: number | null): string | undefined {
  return at === null || killedAt === null ? undefined : `after ${formatDuration(at - killedAt)}`;
}

function unnoticed({ killedAt, attempts }: DrillReport): string | undefined {
  return killedAt === null || attempts.length === 0 ? undefined : "by no client";
}

function gapText({ killedAt, unavailable, window }: DrillReport): string | undefined {
  if (killedAt === null) return undefined;
  const allowed = `the window is ${spanText(window)}`;
  return unavailable === null
    ? `not closed; ${allowed}`
    : `${formatDuration(unavailable)}; ${allowed}`;
}

function writesText({ killedAt, acknowledged, lostAcknowledged }: DrillReport): string | undefined {
  if (killedAt === null) return undefined;
  const lost = lostAcknowledged === null ? "lost ones not counted" : `${lostAcknowledged} lost`;
  return `${acknowledged} acknowledged, ${lost}`;
}

function baselineText({ baseline: { p50, p95, p99 } }: DrillReport): string | undefined {
  if (p50 === null || p95 === null || p99 === null) return undefined;
  return `half within ${p50} ms, 95 % within ${p95} ms, 99 % within ${p99} ms`;
}

function errorsText({ errors }: DrillReport): string | undefined {
  const kinds = Object.entries(errors).map(([kind, times]) => `${kind} ${times} times`);
  return kinds.length === 0 ? undefined : kinds.join(", ");
}

function primaryText({ oldPrimary, newPrimary }: DrillReport): string | undefined {
  if (oldPrimary === null) return undefined;
  return newPrimary === null ? oldPrimary : `${oldPrimary}, then ${newPrimary}`;
}

function restoredText({ redundancyRestoredAt }: DrillReport): string | undefined {
  return redundancyRestoredAt === null
    ? undefined
    : `after ${formatDuration(redundancyRestoredAt)}`;
}

/** Names and units as facts/operations.md 5.5 has them; times in milliseconds since `started`. */
export function drillFields(
  report: DrillReport,
  files: readonly string[],
): Readonly<Record<string, unknown>> {
  return {
    drill: report.drill,
    component: report.component,
    verdict: report.verdict,
    reasons: report.reasons,
    drill_started: report.started,
    drill_ended: report.ended,
    file_sha256: report.fileSha256,
    window_ms: report.window,
    victim: report.victim,
    old_primary: report.oldPrimary,
    new_primary: report.newPrimary,
    killed_at: report.killedAt,
    detected_at: report.detectedAt,
    first_ok_at: report.firstOkAt,
    unavailable_ms: report.unavailable,
    redundancy_restored_ms: report.redundancyRestoredAt,
    baseline_p50_ms: report.baseline.p50,
    baseline_p95_ms: report.baseline.p95,
    baseline_p99_ms: report.baseline.p99,
    acked: report.acknowledged,
    lost_acked: report.lostAcknowledged,
    gaps: report.gaps,
    errors_by_kind: report.errors,
    checks: report.checks,
    rests_on: report.restsOn,
    reports: files,
  };
}
