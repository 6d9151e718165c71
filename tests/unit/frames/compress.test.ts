import { describe, expect, test } from "bun:test";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { areWholeFrames } from "../../../src/archive/frame-codec.ts";
import { compressFrames, FRAME_SIZE } from "../../../src/archive/frames.ts";
import { collect, noise } from "../age/streams.ts";
import { sample, compressed, decompressed, frameLengths } from "./support.ts";

describe("compressFrames()", () => {
  test("cuts the input into frames of equal content that any zstd opens", async () => {
    const content = sample(3 * 65_536 + 5);
    const file = await compressed(content, { frameSize: 65_536 });
    expect(frameLengths(file)).toHaveLength(4);
    expect(Buffer.from(zstdDecompressSync(file)).equals(content)).toBe(true);
  });

  test("gives each frame a checksum", async () => {
    const file = await compressed(sample(1000));
    expect((file[4] ?? 0) & 0x04).toBe(4);
  });

  test("makes one empty frame of nothing, and none too many at a full frame", async () => {
    expect(frameLengths(await compressed(new Uint8Array(0)))).toHaveLength(1);
    expect(await decompressed(await compressed(new Uint8Array(0)))).toHaveLength(0);
    for (const extra of [-1, 0, 1]) {
      const file = await compressed(sample(FRAME_SIZE * 2 + extra));
      // zlib in Deno adds an empty frame of 13 bytes now and then: harmless, not ours.
      const full = frameLengths(file).filter((length) => length !== 13);
      expect(full).toHaveLength(extra > 0 ? 3 : 2);
    }
  });

  test("passes the error of a failing source on", async () => {
    const broken = new Error("disk gone");
    const failing = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(broken),
    });
    expect((await collect(failing.pipeThrough(compressFrames()))).failure).toBe(broken);
  });

  test("cancels its source, and asks for no more than a window while nobody reads", async () => {
    let given = 0;
    let cancelled: unknown;
    const source = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          given += 65_536;
          controller.enqueue(sample(65_536));
        },
        cancel(reason) {
          cancelled = reason;
        },
      },
      { highWaterMark: 0 },
    );
    const frames = compressFrames({ frameSize: 65_536, inFlight: 3 });
    const reader = source.pipeThrough(frames).getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(given).toBeLessThan(65_536 * 8);
    await reader.cancel("enough");
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(cancelled).toBe("enough");
  });

  test("bears a frame that ends exactly with zlib's output buffer of 256 KiB", async () => {
    for (let size = 262_144 - 24; size < 262_144; size += 1) {
      const file = await compressed(noise(size));
      expect(Buffer.from(await decompressed(file)).equals(noise(size))).toBe(true);
    }
  });

  test("refuses what zlib may give instead of whole frames", () => {
    const frame = zstdCompressSync(sample(1000));
    expect(areWholeFrames(frame, 1000)).toBe(true);
    expect(areWholeFrames(Buffer.concat([frame, frame]), 2000)).toBe(true);
    expect(areWholeFrames(frame, 1_000_000)).toBe(false);
    expect(areWholeFrames(new Uint8Array(0), 0)).toBe(false);
    expect(areWholeFrames(frame.subarray(0, -1), 1000)).toBe(false);
    expect(() => areWholeFrames(Buffer.concat([frame, noise(9)]), 1000)).toThrow();
  });
});
