/** The moments of a drill on its drawing: a line through all lanes each, and its label above them. */
import { CHARACTER, LABEL_ROW, MARGIN, round } from "./drawing.ts";
import { html } from "./html.ts";
import { millisecondsText } from "./words.ts";
import type { DrillReport } from "../drill/report.ts";
import type { Drawing } from "./drawing.ts";
import type { Markup } from "./html.ts";
import type { Span } from "./scale.ts";

interface Moment {
  readonly at: number;
  readonly text: string;
  readonly kind: "kill" | "detected" | "back" | "whole";
}

/** What happened, in the order of time; only what lies within the span. */
export function momentsOf(report: DrillReport, span: Span): readonly Moment[] {
  const { killedAt, detectedAt, firstOkAt, redundancyRestoredAt } = report;
  if (killedAt === null) return [];
  const after = (at: number): string => `+${millisecondsText(at - killedAt)}`;
  const moments: Moment[] = [{ at: killedAt, text: "kill", kind: "kill" }];
  if (detectedAt !== null)
    moments.push({ at: detectedAt, text: `noticed ${after(detectedAt)}`, kind: "detected" });
  if (firstOkAt !== null)
    moments.push({ at: firstOkAt, text: `back ${after(firstOkAt)}`, kind: "back" });
  if (redundancyRestoredAt !== null) {
    const at = killedAt + redundancyRestoredAt;
    moments.push({ at, text: `all checks hold ${after(at)}`, kind: "whole" });
  }
  return moments
    .filter(({ at }) => at >= span.from && at <= span.until)
    .toSorted((left, right) => left.at - right.at);
}

export interface PlacedLabel extends Moment {
  readonly x: number;
  readonly row: number;
  readonly anchor: "start" | "end";
}

/** Each label beside its line, in the first row where it covers no other, and below those that reach over its line. */
export function placeLabels(
  moments: readonly Moment[],
  { x, width }: { readonly x: (at: number) => number; readonly width: number },
): { readonly placed: readonly PlacedLabel[]; readonly rows: number } {
  const taken: { left: number; right: number }[][] = [];
  const placed = moments.map((moment): PlacedLabel => {
    const at = x(moment.at);
    const length = moment.text.length * CHARACTER + 10;
    const anchor = at + length > width ? "end" : "start";
    const [left, right] = anchor === "start" ? [at, at + length] : [at - length, at];
    const free = (row: number): boolean =>
      (taken[row] ?? []).every((one) => right <= one.left || left >= one.right);
    const over = taken.findLastIndex((row) => row.some((one) => one.left < at && at < one.right));
    let row = over + 1;
    while (!free(row)) row += 1;
    (taken[row] ??= []).push({ left, right });
    return { ...moment, x: at, row, anchor };
  });
  return { placed, rows: Math.max(1, taken.length) };
}

/** On which side fewer lines go through words of so many characters. */
export function clearerSide(
  moments: readonly PlacedLabel[],
  { width, characters }: { readonly width: number; readonly characters: number },
): "start" | "end" {
  const length = MARGIN + characters * CHARACTER;
  const [left, right] = [
    moments.filter(({ x }) => x < length).length,
    moments.filter(({ x }) => x > width - length).length,
  ];
  return left <= right ? "start" : "end";
}

/** Below the marks and names, so that it strikes none of them out. */
export function momentLine({ bottom }: Drawing, { x, row, kind }: PlacedLabel): Markup {
  return html`<line
    class="moment ${kind}"
    x1="${x}"
    y1="${row * LABEL_ROW + 3}"
    x2="${x}"
    y2="${bottom}"
  /> `;
}

export function momentLabel({ x, row, anchor, text, kind }: PlacedLabel): Markup {
  const beside = round(anchor === "start" ? x + 5 : x - 5);
  return html`<text
    class="moment ${kind}"
    x="${beside}"
    y="${row * LABEL_ROW + 13}"
    text-anchor="${anchor}"
    >${text}</text
  > `;
}
