import { describe, expect, test } from "bun:test";
import { constants, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { FrameError, FrameWalker } from "../../../src/archive/frame-walker.ts";
import { noise } from "../age/streams.ts";

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];

function frameOf(content: Uint8Array, checksum = 1): Uint8Array {
  // One output buffer for all: zlib in Deno adds an empty frame when a frame fills its buffer exactly.
  const params = { [constants.ZSTD_c_checksumFlag]: checksum };
  return zstdCompressSync(content, { params, chunkSize: 1024 * 1024 });
}

/** Walks over `bytes` in pieces of `size`; returns how many of them belong to the frame. */
function walk(walker: FrameWalker, bytes: Uint8Array, size: number): number {
  for (let offset = 0; offset < bytes.length && !walker.done;) {
    offset += walker.advance(bytes.subarray(offset, offset + size));
  }
  return walker.size;
}

describe("FrameWalker", () => {
  test("finds the end of a frame in pieces of any size, whatever follows", () => {
    fc.assert(
      fc.property(
        fc.nat(400_000),
        fc.integer({ min: 1, max: 5000 }),
        fc.boolean(),
        fc.boolean(),
        (length, size, random, checksum) => {
          const content = random ? noise(length) : new Uint8Array(length);
          const frame = frameOf(content, checksum ? 1 : 0);
          const walker = new FrameWalker();
          expect(walk(walker, Buffer.concat([frame, noise(100)]), size)).toBe(frame.length);
          expect(walker.done).toBe(true);
          expect(walker.contentSize ?? length).toBe(length);
          expect(walker.contentBound >= length).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  test("never takes a frame that is cut anywhere for a whole one", () => {
    const frame = frameOf(noise(300));
    for (let length = 0; length < frame.length; length += 1) {
      const walker = new FrameWalker();
      walk(walker, frame.subarray(0, length), 1000);
      expect(walker.done).toBe(false);
    }
  });

  test("stops early when a frame may hold more than the limit", () => {
    const frame = frameOf(new Uint8Array(50_000_000));
    const walker = new FrameWalker();
    const count = walker.advance(frame, 1_000_000);
    expect(count).toBeLessThan(frame.length);
    expect(walker.contentBound).toBeLessThan(1_000_000 + 128 * 1024 + 1);
    expect(walker.contentBound).toBeGreaterThan(1_000_000);
    expect(count + walker.advance(frame.subarray(count))).toBe(frame.length);
  });

  test("steps over skippable frames", () => {
    const frame = Uint8Array.from([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 9, 9, 9, 7]);
    const walker = new FrameWalker();
    expect(walker.advance(frame)).toBe(11);
    expect([walker.done, walker.skippable, walker.contentBound]).toEqual([true, true, 0]);
  });

  const refused: [string, number[]][] = [
    ["other data", [0x1f, 0x8b, 8, 0]],
    ["the reserved bit", [...MAGIC, 0x08]],
    ["a dictionary", [...MAGIC, 0x01]],
    ["a window over 128 MiB", [...MAGIC, 0x00, 18 << 3]],
    ["a single segment over 128 MiB", [...MAGIC, 0xa0, 0, 0, 0, 0x10]],
    ["an absurd content size", [...MAGIC, 0xe0, 255, 255, 255, 255, 255, 255, 255, 255]],
    ["the reserved block type", [...MAGIC, 0x00, 10 << 3, 0x07, 0, 0]],
    ["a block larger than a block can be", [...MAGIC, 0x00, 10 << 3, 0x01, 0, 0x10 + 1]],
  ];
  for (const [what, bytes] of refused) {
    test(`refuses ${what}`, () => {
      expect(() => new FrameWalker().advance(Uint8Array.from(bytes))).toThrow(FrameError);
    });
  }
});
