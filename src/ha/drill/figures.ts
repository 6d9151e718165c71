/** The figures of a drill, out of what its probe saw. Times: milliseconds since the drill's probe began. */
import { errorsByKind, gapsIn, lengthOf, lostWrites, percentile } from "./attempts.ts";
import type { Attempt, Gap } from "./attempts.ts";

export interface Figures {
  readonly attempts: number;
  readonly acknowledged: number;
  readonly lostAcknowledged: readonly number[];
  readonly baselineP50: number | undefined;
  readonly baselineP95: number | undefined;
  readonly baselineP99: number | undefined;
  readonly killedAt: number;
  /** First failed attempt after the kill; undefined when no client noticed. */
  readonly detectedAt: number | undefined;
  /** End of the first success of the row that counts as recovered. */
  readonly firstOkAt: number | undefined;
  /** The longest time without an acknowledgement, from the kill on; undefined when service did not come back. */
  readonly unavailable: number | undefined;
  readonly gaps: readonly Gap[];
  readonly errors: Readonly<Record<string, number>>;
}

export interface FigureInput {
  readonly attempts: readonly Attempt[];
  readonly killedAt: number;
  readonly consecutive: number;
  /** Longest time between two successes that is no gap: interval and time-out of the probe. */
  readonly tolerated: number;
  /** Sequence numbers found afterwards; undefined when the probe writes nothing, or they could not be read. */
  readonly present: ReadonlySet<number> | undefined;
}

/** Streams are measured apart, for a held connection may hang where fresh ones work; the longest gap of any counts. */
export function figuresOf(input: FigureInput): Figures {
  const { attempts, killedAt } = input;
  const good = attempts.filter(({ error }) => error === undefined);
  const before = good
    .filter(({ ended }) => ended <= killedAt)
    .map(({ began, ended }) => ended - began);
  const after = attempts.filter(({ ended }) => ended > killedAt);
  const streams = ["fresh", "held"] as const;
  const gaps = streams
    .flatMap((stream) =>
      gapsIn(
        attempts.filter((one) => one.stream === stream),
        input,
      ),
    )
    .filter(({ until }) => until === undefined || until > killedAt);
  const end = Math.max(killedAt, ...attempts.map(({ ended }) => ended));
  const open = gaps.some(({ until }) => until === undefined);
  const longest = Math.max(
    ...gaps.map((gap) => lengthOf(gap, end)),
    // A proxy that lets clients wait until a failover is done shows no failure, and no gap; the wait is real.
    ...streams.map((stream) =>
      longestPause(
        good.filter((one) => one.stream === stream),
        killedAt,
      ),
    ),
  );
  const failures = after.filter(({ error }) => error !== undefined).map(({ ended }) => ended);
  const acknowledged = good.map(({ sequence }) => sequence);
  return {
    attempts: attempts.length,
    acknowledged: acknowledged.length,
    lostAcknowledged: input.present === undefined ? [] : lostWrites(acknowledged, input.present),
    baselineP50: percentile(before, 0.5),
    baselineP95: percentile(before, 0.95),
    baselineP99: percentile(before, 0.99),
    killedAt,
    detectedAt: failures.length === 0 ? undefined : Math.min(...failures),
    firstOkAt:
      open || gaps.length === 0 ? undefined : Math.max(...gaps.map(({ until }) => until ?? 0)),
    unavailable: open ? undefined : longest,
    gaps,
    errors: errorsByKind(after),
  };
}

/** The longest time from one success to the next that ended after `since`; 0 without any. */
export function longestPause(successes: readonly Attempt[], since: number): number {
  const ends = successes.map(({ ended }) => ended).toSorted((left, right) => left - right);
  const pauses = ends.map((end, index) => (end <= since ? 0 : end - (ends[index - 1] ?? end)));
  return Math.round(Math.max(0, ...pauses));
}

/** Whether the probe has recovered: in each stream the last `consecutive` attempts after the kill succeeded. */
export function hasRecovered(
  attempts: readonly Attempt[],
  options: {
    readonly since: number;
    readonly consecutive: number;
    readonly streams: readonly Attempt["stream"][];
  },
): boolean {
  return options.streams.every((stream) => {
    const own = attempts.filter((one) => one.stream === stream && one.began >= options.since);
    const last = own.slice(-options.consecutive);
    return last.length >= options.consecutive && last.every(({ error }) => error === undefined);
  });
}
