/** Availability over time as SVG: each attempt a mark, each stream a lane, what happened as lines through all of them. */
import { gapAreas, gapWords } from "./chart-gaps.ts";
import { axis, laneMarks } from "./chart-lanes.ts";
import { clearerSide, momentLabel, momentLine, momentsOf, placeLabels } from "./chart-moments.ts";
import { LABEL_ROW, LANE, MARGIN, round } from "./drawing.ts";
import { html } from "./html.ts";
import type { DrillReport } from "../drill/report.ts";
import type { ChartOptions } from "./drawing.ts";
import type { Markup } from "./html.ts";

const LANE_NAME = 17;
const LANE_SPACE = 8;
const AXIS = 26;
/** Below the lanes, for the length of the gap. */
const WORDS = 16;

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
  const names = clearerSide(labels.placed, {
    width,
    characters: Math.max(...NAMES.map((name) => name.length)),
  });
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
