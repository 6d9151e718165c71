/** Randomness that can be had again: FAULT_SEED and FAULT_ROUNDS. */

/** A number in [0, 1), the next of its sequence. */
export type Random = () => number;

/** mulberry32: small, and good enough to choose places by. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), state | 1);
    value ^= value + Math.imul(value ^ (value >>> 7), value | 61);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** FAULT_SEED, or a new one. */
export function faultSeed(): number {
  const given = Number(process.env["FAULT_SEED"]);
  return Number.isSafeInteger(given) && given > 0 ? given : Math.ceil(Math.random() * 2 ** 31);
}

/**
 * Ten damages for each of FAULT_ROUNDS: they take milliseconds where a kill takes half a minute.
 * Without it 100 under CI, else the 1,000 of a full run.
 */
export function damageRounds(): number {
  const given = Number(process.env["FAULT_ROUNDS"]);
  if (Number.isSafeInteger(given) && given > 0) return 10 * given;
  return process.env["CI"] === undefined ? 1000 : 100;
}

/** A whole number from 0 to below `limit`. */
export function below(random: Random, limit: number): number {
  return Math.floor(random() * limit);
}

/** Two different whole numbers below `limit`, the smaller first; `limit` is 2 or more. */
export function twoBelow(random: Random, limit: number): [number, number] {
  const first = below(random, limit);
  const second = (first + 1 + below(random, limit - 1)) % limit;
  return first < second ? [first, second] : [second, first];
}

/** One of a list that is not empty. */
export function oneOf<T>(random: Random, list: readonly T[]): T {
  const found = list[below(random, list.length)];
  if (found === undefined) throw new TypeError("nothing to choose from");
  return found;
}

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => below(random, 256));
}
