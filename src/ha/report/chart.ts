/** Availability over time as SVG: each attempt a mark, each stream a lane, what happened as lines through all of them. */
import { html } from "./html.ts";
import { ticksOf } from "./scale.ts";
import { millisecondsText } from "./words.ts";
import type { DrillReport } from "../drill/report.ts";
import type { Markup } from "./html.ts";
import type { Span } from "./scale.ts";

export interface ChartOptions {
  readonly span: Span;
  /** Units of the drawing; one is a pixel where the page has room. */
  readonly width: number;
  /** Tells the patterns of several drawings on one page apart. */
  readonly id: string;
  /** For those who cannot see it. */
  readonly label: string;
}

interface Drawing extends ChartOptions {
  readonly report: DrillReport;
  readonly x: (at: number) => number;
  readonly lanes: readonly {
    readonly stream: number;
    readonly name: string;
    readonly top: number;
  }[];
  /** Where the names of the lanes stand. */
  readonly names: "start" | "end";
  readonly top: number;
  readonly bottom: number;
  readonly height: number;
}

const MARGIN = 10;
const LABEL_ROW = 17;
const LANE = 30;
const LANE_NAME = 17;
const LANE_SPACE = 8;
const AXIS = 26;
/** Below the lanes, for the length of the gap. */
const WORDS = 16;
/** Of one character of the labels; a little too much rather than too little. */
const CHARACTER = 6.9;

/** Short: a narrow drawing has the kill close behind its left edge. */
const NAMES = ["new connections", "held connection"];

/** The drawing as an `svg` element without script, style or reference. */
export function availabilityChart(report: DrillReport, options: ChartOptions): Markup {
  const { width, span } = options;
  const scale = (width - 2 * MARGIN) / (span.until - span.from);
  const x = (at: number): number => round(MARGIN + (at - span.from) * scale);
  const labels = placeLabels(momentsOf(report, span), { x, width });
  const top = labels.rows * LABEL_ROW + 6;
  const streams = [0, 1].filter((stream) => report.attempts.some(([of]) => of === stream));
  const step = LANE_NAME + LANE + LANE_SPACE;
  const lanes = streams.map((stream, index) => ({
    stream,
    name: NAMES[stream] ?? "",
    top: top + index * step + LANE_NAME,
  }));
  const bottom = top + streams.length * step + (report.gaps.length === 0 ? 0 : WORDS);
  const names = clearerSide(labels.placed, width);
  const drawing = { ...options, report, x, lanes, names, top, bottom, height: bottom + AXIS };
  return html`<svg
    viewBox="0 0 ${width} ${drawing.height}"
    role="img"
    aria-label="${options.label}"
  >
    <defs>
      <pattern
        id="${options.id}"
        width="7"
        height="7"
        patternUnits="userSpaceOnUse"
        patternTransform="rotate(45)"
      >
        <line class="hatch" x1="0" y1="0" x2="0" y2="7" />
      </pattern>
    </defs>
    ${gapAreas(drawing)}${axis(drawing)}${labels.placed.map((label) => momentLine(drawing, label))}${lanes.map((lane) => laneMarks(drawing, lane))}${gapWords(drawing)}${labels.placed.map(momentLabel)}
  </svg>`;
}

/** Places need no more than a tenth of a pixel. */
function round(value: number): number {
  return Math.round(value * 10) / 10;
}

interface Moment {
  readonly at: number;
  readonly text: string;
  readonly kind: "kill" | "detected" | "back" | "whole";
}

/** What happened, in the order of time; only what lies within the span. */
function momentsOf(report: DrillReport, span: Span): readonly Moment[] {
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

interface PlacedLabel extends Moment {
  readonly x: number;
  readonly row: number;
  readonly anchor: "start" | "end";
}

/** Each label beside its line, in the first row where it covers no other, and below those that reach over its line. */
function placeLabels(
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

/** On which side fewer lines go through the names of the lanes. */
function clearerSide(moments: readonly PlacedLabel[], width: number): "start" | "end" {
  const length = MARGIN + Math.max(...NAMES.map((name) => name.length)) * CHARACTER;
  const [left, right] = [
    moments.filter(({ x }) => x < length).length,
    moments.filter(({ x }) => x > width - length).length,
  ];
  return left <= right ? "start" : "end";
}

/** Below the marks and names, so that it strikes none of them out. */
function momentLine({ bottom }: Drawing, { x, row, kind }: PlacedLabel): Markup {
  return html`<line
    class="moment ${kind}"
    x1="${x}"
    y1="${row * LABEL_ROW + 3}"
    x2="${x}"
    y2="${bottom}"
  /> `;
}

function momentLabel({ x, row, anchor, text, kind }: PlacedLabel): Markup {
  const beside = round(anchor === "start" ? x + 5 : x - 5);
  return html`<text
    class="moment ${kind}"
    x="${beside}"
    y="${row * LABEL_ROW + 13}"
    text-anchor="${anchor}"
    >${text}</text
  > `;
}

function axis({ span, x, width, bottom, top, report }: Drawing): Markup {
  const origin = report.killedAt ?? span.from;
  const most = Math.max(3, Math.floor(width / 60));
  return html`<g class="axis"
    ><line x1="${MARGIN}" y1="${bottom}" x2="${width - MARGIN}" y2="${bottom}" />${ticksOf(span, {
      origin,
      most,
    }).map(({ at, text }) => {
      const place = x(at);
      const anchor = place < 30 ? "start" : place > width - 30 ? "end" : "middle";
      const shift = anchor === "start" ? -6 : anchor === "end" ? 6 : 0;
      return html`<line class="grid" x1="${place}" y1="${top}" x2="${place}" y2="${bottom}" /><line
          x1="${place}"
          y1="${bottom}"
          x2="${place}"
          y2="${bottom + 5}"
        /><text x="${round(place + shift)}" y="${bottom + 19}" text-anchor="${anchor}"
          >${text}</text
        >`;
    })}</g
  > `;
}

/** Successes are low and plain, failures high and notched, so that they differ without colour too. */
function laneMarks(
  { report, span, x, width, names }: Drawing,
  lane: Drawing["lanes"][number],
): Markup {
  let good = "";
  let bad = "";
  const floor = lane.top + LANE;
  for (const [stream, began, ended, error] of report.attempts) {
    if (stream !== lane.stream || ended < span.from || began > span.until) continue;
    const left = x(Math.max(began, span.from));
    const wide = Math.max(1.4, round(x(Math.min(ended, span.until)) - left));
    if (error === null) good += `M${left} ${floor}v${-LANE * 0.55}h${round(wide)}v${LANE * 0.55}z`;
    else bad += `M${left} ${floor}v${-LANE}h${round(wide)}v${LANE}z`;
  }
  return html`<g class="lane"
    ><text
      x="${names === "start" ? MARGIN : width - MARGIN}"
      y="${lane.top - 5}"
      text-anchor="${names}"
      >${lane.name}</text
    ><line class="floor" x1="${MARGIN}" y1="${floor}" x2="${width - MARGIN}" y2="${floor}" />${
      good === "" ? undefined : html`<path class="good" d="${good}" />`
    }${bad === "" ? undefined : html`<path class="bad" d="${bad}" />`}</g
  > `;
}

interface JoinedGap {
  readonly from: number;
  readonly until: number;
  /** It never ended. */
  readonly open: boolean;
  /** Of the longest in it: streams begin to fail at different moments, and the figures measure each apart. */
  readonly longest: number;
}

/** Times without service of either stream, joined where they overlap. */
function joinedGaps({ report, span }: Drawing): readonly JoinedGap[] {
  const joined: JoinedGap[] = [];
  for (const gap of report.gaps.toSorted((left, right) => left.from - right.from)) {
    const until = gap.until ?? span.until;
    const one = { from: gap.from, until, open: gap.until === null, longest: until - gap.from };
    const last = joined.at(-1);
    if (last === undefined || one.from > last.until) joined.push(one);
    else {
      joined[joined.length - 1] = {
        from: last.from,
        until: Math.max(last.until, one.until),
        open: last.open || one.open,
        longest: Math.max(last.longest, one.longest),
      };
    }
  }
  return joined
    .filter(({ from, until }) => until >= span.from && from <= span.until)
    .map((gap) => ({
      ...gap,
      from: Math.max(gap.from, span.from),
      until: Math.min(gap.until, span.until),
    }));
}

function gapAreas(drawing: Drawing): readonly Markup[] {
  const { x, top, bottom, id } = drawing;
  return joinedGaps(drawing).map(({ from, until }) => {
    const [left, wide] = [x(from), Math.max(2, round(x(until) - x(from)))];
    const place = html`x="${left}" y="${top}" width="${wide}" height="${bottom - top}"`;
    return html`<rect class="gap" ${place} /><rect fill="url(#${id})" ${place} /> `;
  });
}

/** Its length, in the middle of the gap where there is room for it. */
function gapWords(drawing: Drawing): readonly Markup[] {
  const { x, bottom } = drawing;
  return joinedGaps(drawing).flatMap(({ from, until, open, longest }) => {
    const length = millisecondsText(longest);
    const words = open ? ["no service"] : [`${length} without service`, length];
    const fits = words.find((one) => one.length * CHARACTER + 8 < x(until) - x(from));
    if (fits === undefined) return [];
    const middle = round((x(from) + x(until)) / 2);
    return html`<text class="gap-words" x="${middle}" y="${bottom - 7}" text-anchor="middle"
      >${fits}</text
    > `;
  });
}
