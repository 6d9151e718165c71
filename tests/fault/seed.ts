/** How often the tests of faults try, and chance that can be repeated. */
import { createHash, randomInt } from "node:crypto";

/** `FAULT_SEED`, or a new one; printed by whoever uses it, so that a loss can be repeated. */
export const SEED = process.env["FAULT_SEED"] ?? String(randomInt(1_000_000_000));

/** Rounds of a full run: the one whose table is in the repository, and in which every operation of a backup and of a restore fails. */
export const FULL = 100;

console.error(`faults: FAULT_SEED=${SEED}`);

/** `FAULT_ROUNDS`: how many random instants or places each test tries. 3 where nobody asked: `make test` has to end. */
export function rounds(): number {
  const given = Number(process.env["FAULT_ROUNDS"] ?? "3");
  if (Number.isInteger(given) && given > 0) return given;
  throw new Error(`FAULT_ROUNDS is no number: ${process.env["FAULT_ROUNDS"]}`);
}

export interface Chance {
  /** From 0 up to 1, without it. */
  next(): number;
  /** One of them. Throws when there are none. */
  pick<T>(from: readonly T[]): T;
  /** `count` different ones in their order; all of them when there are not more. */
  sample<T>(from: readonly T[], count: number): T[];
}

/** The same numbers for the same seed and name, whatever runs beside it. */
export function chanceFor(name: string, seed = SEED): Chance {
  let drawn = 0;
  const next = (): number => {
    drawn += 1;
    const hash = createHash("sha256").update(`${seed}/${name}/${drawn}`).digest();
    return hash.readUInt32BE(0) / 2 ** 32;
  };
  return {
    next,
    pick(from) {
      const one = from[Math.floor(next() * from.length)];
      if (one === undefined) throw new Error("nothing to pick from");
      return one;
    },
    sample(from, count) {
      const left = from.map((_, index) => index);
      const taken = new Set<number>();
      while (taken.size < Math.min(count, from.length)) {
        const [index = 0] = left.splice(Math.floor(next() * left.length), 1);
        taken.add(index);
      }
      return from.filter((_, index) => taken.has(index));
    },
  };
}
