/** What a probe saw, attempt by attempt, and the figures that follow from it. Pure: times are milliseconds of one monotonic clock. */

export interface Attempt {
  /** 1, 2, 3 … within its stream. */
  readonly sequence: number;
  /** `fresh`: a connection of its own each time; `held`: one connection for as long as it lives. */
  readonly stream: "fresh" | "held";
  readonly began: number;
  readonly ended: number;
  /** Undefined when it was acknowledged; else in a word or two why not. */
  readonly error: string | undefined;
}

export interface Gap {
  /** End of the last attempt that succeeded. */
  readonly from: number;
  /** End of the first of K successes in a row; undefined when there was none until the end. */
  readonly until: number | undefined;
  readonly failures: number;
}

/**
 * Times without service: from the end of the last success before a failure to the
 * end of the first of `consecutive` successes in a row. A hole between two
 * successes with no failed attempt in it (all hung and then succeeded) counts when
 * it is longer than `tolerated`.
 */
export function gapsIn(
  attempts: readonly Attempt[],
  options: { readonly consecutive: number; readonly tolerated: number },
): Gap[] {
  const ordered = attempts.toSorted((left, right) => left.ended - right.ended);
  const gaps: Gap[] = [];
  let lastGood: number | undefined;
  let open: { from: number; failures: number } | undefined;
  let inRow: Attempt[] = [];
  for (const attempt of ordered) {
    if (attempt.error !== undefined) {
      open ??= { from: lastGood ?? attempt.began, failures: 0 };
      open.failures += 1;
      inRow = [];
      continue;
    }
    if (open !== undefined) {
      inRow.push(attempt);
      if (inRow.length >= options.consecutive) {
        gaps.push({ ...open, until: inRow[0]?.ended });
        open = undefined;
        inRow = [];
      }
    } else if (lastGood !== undefined && attempt.ended - lastGood > options.tolerated) {
      gaps.push({ from: lastGood, until: attempt.ended, failures: 0 });
    }
    lastGood = attempt.ended;
  }
  if (open !== undefined) gaps.push({ ...open, until: undefined });
  return gaps;
}

/** Milliseconds of a gap, up to `end` when it never closed. */
export function lengthOf(gap: Gap, end: number): number {
  return Math.round((gap.until ?? end) - gap.from);
}

/** The value below which `share` (0 to 1) of the values lie; undefined of nothing. Nearest rank. */
export function percentile(values: readonly number[], share: number): number | undefined {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

/** How often each kind of error came, most frequent first. */
export function errorsByKind(attempts: readonly Attempt[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { error } of attempts) {
    if (error !== undefined) counts.set(error, (counts.get(error) ?? 0) + 1);
  }
  return Object.fromEntries([...counts].sort(([, left], [, right]) => right - left));
}

/** Sequence numbers that were acknowledged and are not among those found afterwards. */
export function lostWrites(
  acknowledged: readonly number[],
  present: ReadonlySet<number>,
): readonly number[] {
  return acknowledged.filter((sequence) => !present.has(sequence));
}
