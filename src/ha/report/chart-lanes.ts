/** One lane for each stream of attempts, and the axis below them. */
import { LANE, MARGIN, round } from "./drawing.ts";
import { html } from "./html.ts";
import { ticksOf } from "./scale.ts";
import type { Drawing } from "./drawing.ts";
import type { Markup } from "./html.ts";

/** Round times since the kill, or since the first attempt. */
export function axis({ span, x, width, bottom, top, report }: Drawing): Markup {
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
export function laneMarks(
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
