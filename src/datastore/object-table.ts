/**
 * What is remembered of each object of a datastore while another is read: some
 * 60 bytes and the key, in flat arrays, so that a million objects leave nothing
 * for the garbage collector. Rows are numbered from 0 in the order of adding.
 */
import { Buffer } from "node:buffer";
import { randomFillSync } from "node:crypto";
import { DIGEST_LENGTH } from "./stored-object.ts";

export interface ObjectFacts {
  readonly modRevision: number;
  readonly createRevision: number;
  /** As Kubernetes writes it; undefined when it is not known, or no UUID. */
  readonly uid: string | undefined;
  readonly deleting: boolean;
  /** DIGEST_LENGTH bytes; copied. */
  readonly digest: Uint8Array;
}

const UID_LENGTH = 16;
const RECORD_LENGTH = UID_LENGTH + DIGEST_LENGTH;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const HAS_UID = 1;
const DELETING = 2;
const MET = 4;
const SMALLEST = 1 << 10;

export class ObjectTable {
  size = 0;
  /** Row number + 1 by hash; 0 is free. At most half full. */
  #slots = new Uint32Array(SMALLEST * 2);
  #hashes = new Uint32Array(SMALLEST);
  /** Where the key of a row ends in #keys. */
  #keyEnds = new Float64Array(SMALLEST);
  /** Modified, created. */
  #revisions = new Float64Array(SMALLEST * 2);
  #records = new Uint8Array(SMALLEST * RECORD_LENGTH);
  #flags = new Uint8Array(SMALLEST);
  #keys = new Uint8Array(SMALLEST * 64);
  /** Random, so that nobody can write keys that collide. */
  readonly #seed = randomFillSync(new Uint32Array(1))[0] ?? 0;

  /** Adds an object whose key is not there yet. */
  add(key: Uint8Array, facts: ObjectFacts): void {
    const row = this.size;
    if (row === this.#flags.length) this.#grow();
    const start = this.#keyStart(row);
    const end = start + key.length;
    if (end > this.#keys.length)
      this.#keys = larger(this.#keys, Math.max(end, this.#keys.length * 2));
    this.#keys.set(key, start);
    this.#keyEnds[row] = end;
    const hash = this.#hash(key);
    this.#hashes[row] = hash;
    this.#place(row, hash);
    this.#revisions[row * 2] = facts.modRevision;
    this.#revisions[row * 2 + 1] = facts.createRevision;
    const known = facts.uid !== undefined && UUID.test(facts.uid);
    this.#flags[row] = (known ? HAS_UID : 0) | (facts.deleting ? DELETING : 0);
    const at = row * RECORD_LENGTH;
    if (known) this.#records.set(uidBytes(facts.uid), at);
    this.#records.set(facts.digest, at + UID_LENGTH);
    this.size += 1;
  }

  /** The row of a key, or -1. */
  find(key: Uint8Array): number {
    const mask = this.#slots.length - 1;
    const hash = this.#hash(key);
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const row = (this.#slots[at] ?? 0) - 1;
      if (row < 0) return -1;
      if (this.#hashes[row] === hash && this.#isKey(row, key)) return row;
    }
  }

  /** Notes that the row was met again. */
  meet(row: number): void {
    this.#flags[row] = this.#flag(row) | MET;
  }

  isMet(row: number): boolean {
    return (this.#flag(row) & MET) !== 0;
  }

  keyOf(row: number): string {
    return new TextDecoder().decode(this.#keys.subarray(this.#keyStart(row), this.#keyEnds[row]));
  }

  /** The facts of a row; the digest is a view. */
  factsOf(row: number): ObjectFacts {
    const at = row * RECORD_LENGTH;
    const flags = this.#flag(row);
    return {
      modRevision: this.#revisions[row * 2] ?? 0,
      createRevision: this.#revisions[row * 2 + 1] ?? 0,
      uid:
        (flags & HAS_UID) === 0 ? undefined : uidText(this.#records.subarray(at, at + UID_LENGTH)),
      deleting: (flags & DELETING) !== 0,
      digest: this.#records.subarray(at + UID_LENGTH, at + RECORD_LENGTH),
    };
  }

  #flag(row: number): number {
    return this.#flags[row] ?? 0;
  }

  #keyStart(row: number): number {
    return row === 0 ? 0 : (this.#keyEnds[row - 1] ?? 0);
  }

  #isKey(row: number, key: Uint8Array): boolean {
    const start = this.#keyStart(row);
    if ((this.#keyEnds[row] ?? 0) - start !== key.length) return false;
    for (let index = 0; index < key.length; index += 1) {
      if (this.#keys[start + index] !== key[index]) return false;
    }
    return true;
  }

  #place(row: number, hash: number): void {
    const mask = this.#slots.length - 1;
    let at = hash & mask;
    while (this.#slots[at] !== 0) at = (at + 1) & mask;
    this.#slots[at] = row + 1;
  }

  #grow(): void {
    const rows = this.#flags.length * 2;
    this.#hashes = larger(this.#hashes, rows);
    this.#keyEnds = larger(this.#keyEnds, rows);
    this.#revisions = larger(this.#revisions, rows * 2);
    this.#records = larger(this.#records, rows * RECORD_LENGTH);
    this.#flags = larger(this.#flags, rows);
    this.#slots = new Uint32Array(rows * 2);
    for (let row = 0; row < this.size; row += 1) this.#place(row, this.#hashes[row] ?? 0);
  }

  /** FNV-1a with a seed, and MurmurHash3's last mixing. */
  #hash(key: Uint8Array): number {
    let hash = this.#seed ^ 0x811c9dc5;
    for (let index = 0; index < key.length; index += 1) {
      hash = Math.imul(hash ^ (key[index] ?? 0), 0x01000193);
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    return (hash ^ (hash >>> 13)) >>> 0;
  }
}

function larger<T extends Float64Array | Uint32Array | Uint8Array>(old: T, length: number): T;
function larger(old: Float64Array | Uint32Array | Uint8Array, length: number): unknown {
  const next =
    old instanceof Float64Array
      ? new Float64Array(length)
      : old instanceof Uint32Array
        ? new Uint32Array(length)
        : new Uint8Array(length);
  next.set(old);
  return next;
}

function uidBytes(uid: string): Uint8Array {
  return Buffer.from(uid.replaceAll("-", ""), "hex");
}

function uidText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString("hex")
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
