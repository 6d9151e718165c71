/**
 * A set of keys in flat memory: 64 bits of hash each instead of the key, so a
 * million keys take 16 MiB. Two different keys are taken for one with a chance of
 * n²/2^65: for a million keys less than one in ten million files.
 */
import { randomFillSync } from "node:crypto";

const SMALLEST = 1 << 12;

export class KeySet {
  size = 0;
  /** Pairs of 32 bits; both 0 is an empty place. */
  #slots = new Uint32Array(SMALLEST * 2);
  /** Random, so that nobody can write keys that collide. */
  readonly #seed = randomFillSync(new Uint32Array(2));
  #high = 0;
  #low = 0;

  /** Adds the key at a place; false when it was there. */
  add(view: DataView, start: number, length: number): boolean {
    this.#hash(view, start, length);
    if (!this.#place(this.#high, this.#low)) return false;
    this.size += 1;
    // Two thirds full.
    if (this.size * 3 > this.#slots.length) this.#grow();
    return true;
  }

  #place(high: number, low: number): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = (low * 2) & mask; ; at = (at + 2) & mask) {
      const high0 = slots[at] ?? 0;
      const low0 = slots[at + 1] ?? 0;
      if (high0 === 0 && low0 === 0) {
        slots[at] = high;
        slots[at + 1] = low;
        return true;
      }
      if (high0 === high && low0 === low) return false;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2) {
      const high = old[at] ?? 0;
      const low = old[at + 1] ?? 0;
      if (high !== 0 || low !== 0) this.#place(high, low);
    }
  }

  /** Two lanes of 32 bits that mix into each other, after MurmurHash3. Leaves its result in #high and #low. */
  #hash(view: DataView, start: number, length: number): void {
    let high = (this.#seed[0] ?? 0) ^ length;
    let low = (this.#seed[1] ?? 0) ^ length;
    const end = start + length;
    for (let at = start; at < end; at += 4) {
      const word = at + 4 <= end ? view.getUint32(at) : tail(view, at, end);
      high = mix(high ^ scramble(word, 0xcc9e2d51, 0x1b873593), low);
      low = mix(low ^ scramble(word, 0x239b961b, 0xab0e9789), high);
    }
    high = finish(high ^ low);
    low = finish(low + high);
    this.#high = high >>> 0;
    // 0/0 stands for an empty place.
    this.#low = high === 0 && low === 0 ? 1 : low >>> 0;
  }
}

function tail(view: DataView, start: number, end: number): number {
  let word = 0;
  for (let at = start; at < end; at += 1) word = (word << 8) | view.getUint8(at);
  return word;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function scramble(word: number, before: number, after: number): number {
  return Math.imul(rotate(Math.imul(word, before), 15), after);
}

function mix(lane: number, other: number): number {
  return (Math.imul(rotate(lane, 19) + other, 5) + 0x561ccd1b) | 0;
}

function finish(word: number): number {
  let hash = word ^ (word >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
