/** What a drill proved. A drill that killed nothing, or saw nothing, is no pass. */
import { spanText } from "../../words.ts";
import type { Figures } from "./figures.ts";

export type Verdict = "passed" | "failed" | "aborted" | "interrupted";

export interface Evidence {
  readonly figures: Figures;
  readonly window: number;
  readonly maxUnavailable: number | undefined;
  readonly maxLostAcked: number;
  readonly writes: boolean;
  /** Whether acknowledged writes could be read afterwards. */
  readonly writesRead: boolean;
  /** Undefined: not asked for. */
  readonly primaryChanged: boolean | undefined;
  /** What was killed, where it was seen to live on; undefined when it was gone, or nobody could tell. */
  readonly stillThere: string | undefined;
  /** Failed checks afterwards, as sentences. */
  readonly afterFailures: readonly string[];
}

/** Reasons why it failed, as sentences; none means passed. */
export function reasonsAgainst(evidence: Evidence): string[] {
  const { figures } = evidence;
  const reasons: string[] = [];
  if (figures.unavailable === undefined) {
    reasons.push(`no recovery within the window of ${spanText(evidence.window)}${mostly(figures)}`);
  } else if (figures.unavailable > evidence.window) {
    reasons.push(
      `away for ${spanText(figures.unavailable)}, the window is ${spanText(evidence.window)}`,
    );
  } else if (
    evidence.maxUnavailable !== undefined &&
    figures.unavailable > evidence.maxUnavailable
  ) {
    reasons.push(
      `away for ${spanText(figures.unavailable)}, at most ${spanText(evidence.maxUnavailable)} were allowed`,
    );
  }
  const lost = figures.lostAcknowledged.length;
  if (evidence.writes && !evidence.writesRead) {
    reasons.push(
      "the acknowledged writes could not be read afterwards, so nobody knows whether they are there",
    );
  } else if (lost > evidence.maxLostAcked) {
    reasons.push(`${lost} of ${figures.acknowledged} acknowledged writes are lost`);
  }
  if (evidence.stillThere !== undefined) {
    reasons.push(`${evidence.stillThere} lived on after the kill, so nothing was proven`);
  }
  if (evidence.primaryChanged === false) {
    reasons.push("the primary is the same as before, so nothing was proven");
  }
  return [...reasons, ...evidence.afterFailures];
}

/** What kept the client out, for whoever reads only the reasons. */
function mostly({ errors }: Figures): string {
  const [kind] = Object.keys(errors);
  return kind === undefined ? "" : ` (most often the client saw: ${kind})`;
}
