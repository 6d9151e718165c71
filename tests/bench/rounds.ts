/** Two ways of doing the same work, in turn (A B A B …), so that a machine whose speed drifts is fair to both. */

export interface Pair {
  readonly name: string;
  /** How many times faster than theirs ours has to be (design.md 8); below 1 it may be slower. */
  readonly target: number;
  readonly about: string;
  ours(): Promise<number>;
  theirs(): Promise<number>;
}

export interface Outcome {
  readonly name: string;
  readonly about: string;
  readonly target: number;
  /** Milliseconds, sorted. */
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** theirs/ours of each round, sorted: over 1 means that we are faster. */
  readonly ratios: readonly number[];
}

/** One round that does not count, then `rounds` that do. */
export async function measure(pair: Pair, rounds: number): Promise<Outcome> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    // Who comes first changes: what the first leaves in caches must not help always the same one.
    const swapped = round % 2 === 1;
    const first = await (swapped ? pair.theirs() : pair.ours());
    const second = await (swapped ? pair.ours() : pair.theirs());
    if (round === 0) continue;
    ours.push(swapped ? second : first);
    theirs.push(swapped ? first : second);
  }
  const ratios = ours.map((time, index) => (theirs[index] ?? 0) / time);
  const sorted = (values: readonly number[]) => values.toSorted((left, right) => left - right);
  const { name, about, target } = pair;
  return {
    name,
    about,
    target,
    ours: sorted(ours),
    theirs: sorted(theirs),
    ratios: sorted(ratios),
  };
}

export function median(sorted: readonly number[]): number {
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}
