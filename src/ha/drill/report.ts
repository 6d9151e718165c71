/** What a drill leaves: `railiance.drill-report/1`, one JSON file a run, from which pages and the gate are made. */
import type { Attempt } from "./attempts.ts";
import type { Figures } from "./figures.ts";
import type { Verdict } from "./verdict.ts";

export const REPORT_FORMAT = "railiance.drill-report/1";

export interface CheckResult {
  readonly id: string;
  readonly when: "before" | "after";
  readonly passed: boolean;
  readonly detail: string;
  readonly hint?: string;
}

export interface DrillReport {
  readonly format: typeof REPORT_FORMAT;
  readonly drill: string;
  readonly about: string | null;
  readonly component: { readonly namespace: string; readonly release: string } | null;
  /** SHA-256 of the drill file. */
  readonly fileSha256: string;
  readonly host: string;
  readonly toolVersion: string;
  /** UTC. */
  readonly started: string;
  readonly ended: string;
  readonly verdict: Verdict;
  /** Why it is not a pass, as sentences; empty for a pass. */
  readonly reasons: readonly string[];
  /** Milliseconds. */
  readonly window: number;
  readonly victim: string | null;
  readonly oldPrimary: string | null;
  readonly newPrimary: string | null;
  /** Milliseconds since `started`. */
  readonly killedAt: number | null;
  readonly detectedAt: number | null;
  readonly firstOkAt: number | null;
  /** From the kill to the last of the checks afterwards; null when one failed. */
  readonly redundancyRestoredAt: number | null;
  /** Milliseconds; null when service did not come back, or nothing was killed. */
  readonly unavailable: number | null;
  readonly baseline: {
    readonly p50: number | null;
    readonly p95: number | null;
    readonly p99: number | null;
  };
  readonly acknowledged: number;
  /** Null: the probe writes nothing, or what it wrote could not be read. */
  readonly lostAcknowledged: number | null;
  readonly gaps: readonly {
    readonly from: number;
    readonly until: number | null;
    readonly failures: number;
  }[];
  readonly errors: Readonly<Record<string, number>>;
  readonly checks: readonly CheckResult[];
  /** Each attempt as [stream (0 fresh, 1 held), began, ended, error or null]. */
  readonly attempts: readonly (readonly [number, number, number, string | null])[];
  /** What it rests on where that is no live cluster, as `whatItRestsOn` says it; null for a live one. */
  readonly restsOn: string | null;
}

export type ReportStart = Pick<
  DrillReport,
  | "drill"
  | "about"
  | "component"
  | "fileSha256"
  | "host"
  | "toolVersion"
  | "started"
  | "window"
  | "restsOn"
>;

export interface ReportEnd {
  readonly ended: string;
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
  readonly victim?: string | undefined;
  readonly oldPrimary?: string | undefined;
  readonly newPrimary?: string | undefined;
  readonly figures?: Figures | undefined;
  readonly writesRead: boolean;
  readonly redundancyRestoredAt?: number | undefined;
  readonly checks: readonly CheckResult[];
  readonly attempts: readonly Attempt[];
}

export function makeReport(start: ReportStart, end: ReportEnd): DrillReport {
  const { figures } = end;
  const round = (value: number | undefined): number | null =>
    value === undefined ? null : Math.round(value * 10) / 10;
  return {
    format: REPORT_FORMAT,
    ...start,
    ended: end.ended,
    verdict: end.verdict,
    reasons: end.reasons,
    victim: end.victim ?? null,
    oldPrimary: end.oldPrimary ?? null,
    newPrimary: end.newPrimary ?? null,
    killedAt: round(figures?.killedAt),
    detectedAt: round(figures?.detectedAt),
    firstOkAt: round(figures?.firstOkAt),
    redundancyRestoredAt: round(end.redundancyRestoredAt),
    unavailable: round(figures?.unavailable),
    baseline: {
      p50: round(figures?.baselineP50),
      p95: round(figures?.baselineP95),
      p99: round(figures?.baselineP99),
    },
    acknowledged: figures?.acknowledged ?? 0,
    lostAcknowledged:
      figures === undefined || !end.writesRead ? null : figures.lostAcknowledged.length,
    gaps: (figures?.gaps ?? []).map(({ from, until, failures }) => ({
      from: Math.round(from),
      until: until === undefined ? null : Math.round(until),
      failures,
    })),
    errors: figures?.errors ?? {},
    checks: end.checks,
    attempts: end.attempts.map(({ stream, began, ended, error }) => [
      stream === "fresh" ? 0 : 1,
      Math.round(began),
      Math.round(ended),
      error ?? null,
    ]),
  };
}
