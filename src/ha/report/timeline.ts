/** A drill on one line of a terminal. */
import { millisecondsText, outcomeText, writesText } from "./words.ts";
import { spanOf } from "./scale.ts";
import type { DrillReport } from "../drill/report.ts";

const GOOD = "━";
const BAD = "×";
const SILENT = "·";
const KILL = "▼";
const BACK = "▲";

/** Less than this shows nothing. */
const LEAST_BAR = 12;

/**
 * `━━━━▼××××▲━━━━━ passed: away for 1.8 s, 30 s were allowed; 0 of 312 …`, at
 * most `width` characters: a bar of what clients saw (`━` answered, `×` failed,
 * `·` nobody asked), and the outcome. Where both have no room, only the words,
 * cut if need be. A result that does not rest on a live cluster says so behind its verdict.
 */
export function drillTimeline(report: DrillReport, width: number): string {
  const words = [outcomeText(report), writesText(report)].filter((one) => one !== undefined);
  const verdict = `${report.verdict}${report.restsOn === null ? "" : ", not on a live cluster"}`;
  const said = `${verdict}: ${words.join("; ")}`;
  const room = Math.min(60, width - said.length - 1);
  const bar = room < LEAST_BAR ? undefined : barOf(report, room);
  if (bar !== undefined) return `${bar} ${said}`;
  const short = `${verdict}: ${gap(report)}`;
  const text = said.length <= width ? said : short;
  const left = width - text.length - 1;
  const small = left < LEAST_BAR ? undefined : barOf(report, left);
  return small === undefined ? text.slice(0, Math.max(0, width)) : `${small} ${text}`;
}

function gap({ killedAt, unavailable, window }: DrillReport): string {
  if (killedAt === null) return "nothing killed";
  if (unavailable === null) return "not back";
  return `${millisecondsText(unavailable)} of ${millisecondsText(window)}`;
}

function barOf(report: DrillReport, cells: number): string | undefined {
  const span = spanOf(report);
  if (span === undefined) return undefined;
  const cellOf = (at: number): number =>
    Math.min(
      cells - 1,
      Math.max(0, Math.floor(((at - span.from) / (span.until - span.from)) * cells)),
    );
  const bar = Array.from({ length: cells }, () => SILENT);
  const fill = (from: number, until: number, sign: string): void => {
    for (let cell = cellOf(from); cell <= cellOf(until); cell += 1) bar[cell] = sign;
  };
  // Between two attempts nobody asks; only a pause much longer than usual is a hole.
  for (const [from, until] of stretches(report)) fill(from, until, GOOD);
  // The gap counts from the last success; what is shown as failing begins with the kill.
  for (const { from, until } of report.gaps) {
    fill(Math.max(from, report.killedAt ?? from), until ?? span.until, BAD);
  }
  for (const [, began, ended, error] of report.attempts)
    if (error !== null) fill(began, ended, BAD);
  if (report.firstOkAt !== null) bar[cellOf(report.firstOkAt)] = BACK;
  if (report.killedAt !== null) bar[cellOf(report.killedAt)] = KILL;
  return bar.join("");
}

/** Attempts joined where the pause between them is a usual one. */
function stretches({ attempts }: DrillReport): readonly (readonly [from: number, until: number])[] {
  const times = attempts
    .map(([, began, ended]): [number, number] => [began, ended])
    .sort(([left], [right]) => left - right);
  const pauses = times
    .slice(1)
    .map(([began], index) => began - (times[index]?.[1] ?? began))
    .sort((left, right) => left - right);
  const usual = 3 * Math.max(1, pauses[Math.floor((pauses.length - 1) * 0.9)] ?? 1);
  const joined: [number, number][] = [];
  for (const [began, ended] of times) {
    const last = joined.at(-1);
    if (last !== undefined && began - last[1] <= usual) last[1] = Math.max(last[1], ended);
    else joined.push([began, ended]);
  }
  return joined;
}
