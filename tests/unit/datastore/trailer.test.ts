import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { checkTrailer } from "../../../src/datastore/trailer.ts";
import type { RandomAccess } from "../../../src/sys/files.ts";
import {
  codeOf,
  errorOf,
  fillingFile,
  memoryFile,
  reseal,
  snapshot,
  SNAPSHOTS,
} from "./support.ts";

const small = snapshot("etcd-3.7");

function sealed(length: number): Uint8Array {
  return reseal(new Uint8Array(length).map((_, index) => index * 31));
}

describe("checkTrailer()", () => {
  test("accepts what etcd wrote and returns both hashes", async () => {
    for (const name of SNAPSHOTS) {
      const bytes = snapshot(name);
      const result = await checkTrailer(memoryFile(bytes));
      expect(result.sha256).toBe(Buffer.from(bytes.subarray(-32)).toString("hex"));
      expect(result.wholeSha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    }
  });

  test("hashes files of several pieces alike, from a file that copies and one that fills memory", async () => {
    for (const length of [256 * 1024 + 32, 256 * 1024 * 3 + 32, 1_000_448 + 32]) {
      const bytes = sealed(length);
      const wholeSha256 = createHash("sha256").update(bytes).digest("hex");
      expect((await checkTrailer(memoryFile(bytes))).wholeSha256).toBe(wholeSha256);
      expect((await checkTrailer(fillingFile(bytes))).wholeSha256).toBe(wholeSha256);
    }
  });

  test("refuses any flip of bits anywhere", async () => {
    const anywhere = fc.nat(small.byteLength - 1);
    await fc.assert(
      fc.asyncProperty(anywhere, fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const bytes = small.slice();
        bytes[at] = (bytes[at] ?? 0) ^ mask;
        expect(await codeOf(checkTrailer(memoryFile(bytes)))).toBe("SNAPSHOT_HASH");
      }),
    );
  });

  test("refuses any cut", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(small.byteLength - 1), async (length) => {
        const found = await codeOf(checkTrailer(memoryFile(small.slice(0, length))));
        expect(found).toBe(length % 512 === 32 && length > 32 ? "SNAPSHOT_HASH" : "SNAPSHOT_CUT");
      }),
    );
  });

  test("refuses a file with something behind its trailer", async () => {
    const longer = new Uint8Array(small.byteLength + 512);
    longer.set(small);
    expect(await codeOf(checkTrailer(memoryFile(longer)))).toBe("SNAPSHOT_HASH");
    expect(await codeOf(checkTrailer(memoryFile(longer.slice(0, -1))))).toBe("SNAPSHOT_CUT");
  });

  test("says of a copied database that it has no hash, and of an empty file that it is empty", async () => {
    const copied = await errorOf(checkTrailer(memoryFile(small.slice(0, -32))));
    expect(copied?.message).toContain("without the hash");
    expect(copied?.exit).toBe("verifyFailed");
    const empty = await errorOf(checkTrailer(memoryFile(new Uint8Array())));
    expect(empty?.message).toContain("it is empty");
  });

  test("reads each byte once, and tells how far it is", async () => {
    const bytes = sealed(700 * 1024 + 32);
    const plain = memoryFile(bytes);
    let read = 0;
    const counting: RandomAccess = {
      size: plain.size,
      read: (offset, length) => {
        read += length;
        return plain.read(offset, length);
      },
    };
    const progress: number[] = [];
    await checkTrailer(counting, { onProgress: (done) => progress.push(done) });
    expect(read).toBe(bytes.byteLength);
    expect(progress.toSorted((left, right) => left - right)).toEqual(progress);
    expect(progress.at(-1)).toBe(bytes.byteLength);
  });

  test("stops when it is told to", async () => {
    const stop = new AbortController();
    stop.abort(new Error("told to stop"));
    await expect(checkTrailer(memoryFile(small), { signal: stop.signal })).rejects.toThrow(
      "told to stop",
    );
  });

  test("passes on the error of a disk that fails", async () => {
    const broken: RandomAccess = {
      size: sealed(512 * 1024 + 32).byteLength,
      read: async (offset, length) => {
        if (offset > 0) throw new Error("input/output error");
        return new Uint8Array(length);
      },
    };
    await expect(checkTrailer(broken)).rejects.toThrow("input/output error");
  });
});
