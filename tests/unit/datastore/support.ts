/** What the tests of datastore/ share: fixtures, files in memory, surgery on bolt pages, and bbolt as the judge. */
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import type { FillingAccess } from "../../../src/datastore/windows.ts";
import { OperatorError } from "../../../src/errors.ts";
import type { RandomAccess } from "../../../src/sys/files.ts";

const root = resolve(import.meta.dirname, "../../..");
export const testdata = join(root, "tests/testdata/datastore");
export const PASSWORD = "fixture-password";

/** Snapshots made by etcd itself; see make.ts beside them. */
export const SNAPSHOTS = [
  "etcd-3.4",
  "etcd-3.7",
  "etcd-3.7-compacted",
  "etcd-3.7-empty",
  "etcd-3.7-many",
] as const;
export type SnapshotName = (typeof SNAPSHOTS)[number];

const factsSchema = v.object({
  revision: v.number(),
  keys: v.number(),
  registryKeys: v.number(),
  liveDigest: v.string(),
  size: v.number(),
});

/** A fresh copy of the bytes of a fixture. */
export function fixture(file: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(join(testdata, `${file}.gz`))));
}

export function snapshot(name: SnapshotName): Uint8Array {
  return fixture(`${name}.snapshot`);
}

/** What the etcd that made a snapshot said of it. */
export function expected(name: SnapshotName): v.InferOutput<typeof factsSchema> {
  const text = readFileSync(join(testdata, "expected.json"), "utf8");
  const found = v.parse(v.record(v.string(), factsSchema), JSON.parse(text))[name];
  if (found === undefined) throw new Error(`nothing is expected of ${name}`);
  return found;
}

/** A file in memory. Each read is a copy, as from a disk. */
export function memoryFile(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.byteLength,
    async read(offset, length) {
      if (offset + length > bytes.byteLength) throw new RangeError(`no ${length} at ${offset}`);
      return bytes.slice(offset, offset + length);
    },
  };
}

/** The same, and it fills memory of its reader. */
export function fillingFile(bytes: Uint8Array): FillingAccess {
  return {
    ...memoryFile(bytes),
    async readInto(target, offset) {
      const end = offset + target.byteLength;
      if (end > bytes.byteLength) throw new RangeError(`no ${target.byteLength} at ${offset}`);
      target.set(bytes.subarray(offset, end));
    },
  };
}

/** The code of the OperatorError a promise ends in, or what happened instead. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await errorOf(promise);
  return error?.code ?? "no error";
}

/** The OperatorError a promise ends in; any other error is thrown on. */
export async function errorOf(promise: Promise<unknown>): Promise<OperatorError | undefined> {
  try {
    await promise;
    return undefined;
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
}

/** Writes a right trailer again, so that a change is not caught by the hash. */
export function reseal(bytes: Uint8Array): Uint8Array {
  const body = bytes.subarray(0, bytes.byteLength - 32);
  bytes.set(createHash("sha256").update(body).digest(), body.byteLength);
  return bytes;
}

export const bboltPath = join(resolve(root, process.env["LAB_BIN"] ?? ".lab/bin"), "bbolt");

/** Tests that need bbolt: where the lab's programs were not built, one test says so, and fails on CI. */
export function describeWithBbolt(name: string, tests: () => void): void {
  if (existsSync(bboltPath)) {
    describe(name, tests);
    return;
  }
  test(`${name} cannot be asked: there is no bbolt in LAB_BIN (built by the lab)`, () => {
    expect(process.env["CI"]).toBeUndefined();
  });
}

/** Whether `bbolt check` finds the file sound. A panic, a crash and a hang are a no. */
export function bboltAccepts(bytes: Uint8Array): boolean {
  const folder = mkdtempSync(join(tmpdir(), "bbolt-check-"));
  try {
    const file = join(folder, "db");
    writeFileSync(file, bytes);
    const result = spawnSync(bboltPath, ["check", file], { timeout: 10_000 });
    return result.status === 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A bolt file under the knife: fields by name, all little-endian. */
export class Patient {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly pageSize: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.pageSize = this.view.getUint32(16 + 8, true);
  }

  /** The meta page that counts. */
  get meta(): number {
    const second = this.pageSize + 16;
    return this.view.getBigUint64(second + 48, true) > this.view.getBigUint64(16 + 48, true)
      ? second
      : 16;
  }

  /** Changes a u64 of both meta pages and makes their checksums right again. */
  setMeta(offset: number, value: bigint): this {
    for (const meta of [16, this.pageSize + 16]) {
      this.view.setBigUint64(meta + offset, value, true);
      this.sealMeta(meta);
    }
    return this;
  }

  sealMeta(meta: number): void {
    let hash = 0xcbf29ce484222325n;
    for (let at = meta; at < meta + 56; at += 1) {
      hash = BigInt.asUintN(64, (hash ^ BigInt(this.view.getUint8(at))) * 0x100000001b3n);
    }
    this.view.setBigUint64(meta + 56, hash, true);
  }

  get root(): number {
    return Number(this.view.getBigUint64(this.meta + 16, true));
  }

  /** Where a page begins. */
  page(id: number): number {
    return id * this.pageSize;
  }

  count(id: number): number {
    return this.view.getUint16(this.page(id) + 10, true);
  }

  isLeaf(id: number): boolean {
    return this.view.getUint16(this.page(id) + 8, true) === 2;
  }

  /** Where an element of a page begins. */
  element(id: number, index: number): number {
    return this.page(id) + 16 + index * 16;
  }

  child(id: number, index: number): number {
    return Number(this.view.getBigUint64(this.element(id, index) + 8, true));
  }

  /** Place and length of the key of a leaf element. */
  key(id: number, index: number): { at: number; length: number } {
    const element = this.element(id, index);
    return {
      at: element + this.view.getUint32(element + 4, true),
      length: this.view.getUint32(element + 8, true),
    };
  }

  /** The element of a top-level bucket in the root page. */
  bucket(name: string): number {
    for (let index = 0; index < this.count(this.root); index += 1) {
      const { at, length } = this.key(this.root, index);
      if (Buffer.from(this.bytes.subarray(at, at + length)).toString() === name) return index;
    }
    throw new Error(`no bucket ${name}`);
  }

  /** Where the value of a top-level bucket begins: root page, sequence, inline page. */
  bucketValue(name: string): number {
    const { at, length } = this.key(this.root, this.bucket(name));
    return at + length;
  }

  /** The root page of a top-level bucket; 0 when it is inline. */
  bucketRoot(name: string): number {
    return Number(this.view.getBigUint64(this.bucketValue(name), true));
  }

  /** The leftmost leaf page below a page. */
  firstLeaf(id: number): number {
    return this.isLeaf(id) ? id : this.firstLeaf(this.child(id, 0));
  }
}
