/** The table of `make test-ha`. */
import type { DrillRow } from "./rows.ts";

const HEAD = ["drill", "window", "gap", "acknowledged", "lost", "verdict"];

/** Markdown: a row for each drill that ran, and one for drills that ran more than once. */
export function tableOf(rows: readonly DrillRow[]): string {
  const names = [...new Set(rows.map(({ name }) => name))];
  const cells = [
    ...rows.map(cellsOf),
    ...names.flatMap((name) => {
      const own = rows.filter((row) => row.name === name);
      return own.length > 1 ? [summaryOf(name, own)] : [];
    }),
  ];
  const all = [HEAD, ...cells];
  const widths = HEAD.map((_, column) => Math.max(...all.map((one) => one[column]?.length ?? 0)));
  const line = (one: readonly string[]): string =>
    `| ${one.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(HEAD), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join(
    "\n",
  );
}

function cellsOf({ name, window, gap, acknowledged, lost, verdict }: DrillRow): string[] {
  return [
    name,
    seconds(window),
    gap === null ? "not closed" : seconds(gap),
    String(acknowledged),
    lost === null ? "not counted" : String(lost),
    verdict,
  ];
}

function summaryOf(name: string, rows: readonly DrillRow[]): string[] {
  const gaps = rows.flatMap(({ gap }) => gap ?? []).toSorted((left, right) => left - right);
  const middle = gaps[Math.floor(gaps.length / 2)];
  const sum = (values: readonly number[]): string =>
    String(values.reduce((total, one) => total + one, 0));
  const passed = rows.filter(({ verdict }) => verdict === "passed").length;
  return [
    `${name}, ${rows.length} times`,
    seconds(Math.max(...rows.map(({ window }) => window))),
    middle === undefined
      ? "none closed"
      : `${seconds(gaps[0] ?? 0)} to ${seconds(gaps.at(-1) ?? 0)}, median ${seconds(middle)}`,
    sum(rows.map(({ acknowledged }) => acknowledged)),
    sum(rows.map(({ lost }) => lost ?? 0)),
    `${passed} of ${rows.length} passed`,
  ];
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
