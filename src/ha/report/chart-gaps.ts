/** Times without service on the drawing: shaded, with their length. */
import { CHARACTER, round } from "./drawing.ts";
import { html } from "./html.ts";
import { millisecondsText } from "./words.ts";
import type { Drawing } from "./drawing.ts";
import type { Markup } from "./html.ts";

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

/** The shades, in the order of time. */
export function gapAreas(drawing: Drawing): readonly Markup[] {
  const { x, top, bottom, id } = drawing;
  return joinedGaps(drawing).map(({ from, until }) => {
    const [left, wide] = [x(from), Math.max(2, round(x(until) - x(from)))];
    const place = html`x="${left}" y="${top}" width="${wide}" height="${bottom - top}"`;
    return html`<rect class="gap" ${place} /><rect fill="url(#${id})" ${place} /> `;
  });
}

/** Its length, in the middle of the gap where there is room for it. */
export function gapWords(drawing: Drawing): readonly Markup[] {
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
