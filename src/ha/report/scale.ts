/** From milliseconds to places on a drawing. */
import type { DrillReport } from "../drill/report.ts";

/** A stretch of time, in milliseconds of the report's clock. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** The time in which there is something to see; undefined when no attempt was made. */
export function spanOf(report: DrillReport): Span | undefined {
  if (report.attempts.length === 0) return undefined;
  let from = Infinity;
  let until = -Infinity;
  for (const [, began, ended] of report.attempts) {
    from = Math.min(from, began);
    until = Math.max(until, ended);
  }
  if (report.killedAt !== null) {
    from = Math.min(from, report.killedAt);
    until = Math.max(until, report.killedAt);
  }
  // Less than a second would draw one attempt as wide as the page.
  return { from, until: Math.max(until, from + 1000) };
}

/**
 * Around the kill, when that is only a small part of the whole: a gap of two
 * seconds in ten minutes is a hair. Undefined when the whole shows it well.
 */
export function closeUp(report: DrillReport, whole: Span): Span | undefined {
  const { killedAt } = report;
  if (killedAt === null) return undefined;
  const starts = [killedAt, ...report.gaps.map(({ from }) => from)];
  const ends = [killedAt, ...report.gaps.map(({ until }) => until ?? whole.until)];
  const [first, last] = [Math.min(...starts), Math.max(...ends)];
  const around = Math.max(1000, (last - first) * 0.5);
  const span = {
    from: Math.max(whole.from, first - around),
    until: Math.min(whole.until, last + around),
  };
  return span.until - span.from < (whole.until - whole.from) / 4 ? span : undefined;
}

/** Marks of the axis: round distances, at most `most` of them, counted from `origin`. */
export function ticksOf(
  span: Span,
  options: { readonly origin: number; readonly most: number },
): readonly { readonly at: number; readonly text: string }[] {
  const { origin, most } = options;
  const step = stepFor((span.until - span.from) / most);
  const ticks: { at: number; text: string }[] = [];
  for (
    let index = Math.ceil((span.from - origin) / step);
    origin + index * step <= span.until;
    index += 1
  ) {
    ticks.push({ at: origin + index * step, text: tickText(index * step, step) });
  }
  return ticks;
}

const STEPS = [
  10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000,
  600_000, 900_000, 1_800_000,
];

function stepFor(least: number): number {
  return STEPS.find((step) => step >= least) ?? Math.ceil(least / 3_600_000) * 3_600_000;
}

function tickText(milliseconds: number, step: number): string {
  if (milliseconds === 0) return "0";
  const sign = milliseconds < 0 ? "−" : "+";
  const size = Math.abs(milliseconds);
  if (step >= 60_000) return `${sign}${size / 60_000} min`;
  return `${sign}${Number((size / 1000).toFixed(2))} s`;
}
