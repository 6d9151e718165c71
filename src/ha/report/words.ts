/** The story of a drill in words: the same on the page, in the terminal and in `ha status`. */
import { count } from "../../words.ts";
import type { DrillReport } from "../drill/report.ts";

/** `12 ms`, `850 ms`, `1.8 s`, `75 s`, `12 min 05 s`: as exact as a gap is measured. */
export function millisecondsText(milliseconds: number): string {
  const value = Math.max(0, milliseconds);
  if (value < 999.5)
    return `${value < 9.95 && value % 1 !== 0 ? value.toFixed(1) : Math.round(value)} ms`;
  const seconds = value / 1000;
  if (seconds < 9.995) return `${trimmed(seconds.toFixed(2))} s`;
  if (seconds < 119.5) return `${trimmed(seconds.toFixed(1))} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

function trimmed(digits: string): string {
  return digits.replace(/\.?0+$/, "");
}

/** What became of the service, as one phrase without full stop. */
export function outcomeText(report: DrillReport): string {
  const window = millisecondsText(report.window);
  if (report.killedAt === null) return "no kill was measured, so nothing was proven";
  if (report.unavailable === null) return `service did not come back within ${window}`;
  if (report.unavailable === 0) return `no client noticed (${window} were allowed)`;
  return `away for ${millisecondsText(report.unavailable)}, ${window} were allowed`;
}

/** What became of acknowledged writes; undefined where the probe reads only, or nothing was killed. */
export function writesText(report: DrillReport): string | undefined {
  if (report.killedAt === null || report.lostAcknowledged === null) return undefined;
  return `${report.lostAcknowledged} of ${count(report.acknowledged, "acknowledged write")} lost`;
}
