import { describe, expect, test } from "bun:test";
import { constants, createZstdCompress, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { decompressFrames } from "../../../src/archive/frames.ts";
import { OperatorError } from "../../../src/errors.ts";
import { inPieces, noise } from "../age/streams.ts";
import { sample, compressed, outcome, decompressed, frameLengths } from "./support.ts";
import type { Decompressing } from "./support.ts";

const MIB = 1024 * 1024;

async function damageOf(bytes: Uint8Array, options: Decompressing = {}): Promise<OperatorError> {
  const { failure } = await outcome(bytes, options);
  if (!(failure instanceof OperatorError))
    throw new Error(`not an OperatorError: ${String(failure)}`);
  expect([failure.exit, failure.code]).toEqual(["verifyFailed", "ARCHIVE_DAMAGED"]);
  return failure;
}

/** One frame of any size without its content size in it, as a stock streaming `zstd` makes. */
async function streamedFrame(content: Uint8Array): Promise<Uint8Array> {
  const stream = createZstdCompress({ params: { [constants.ZSTD_c_checksumFlag]: 1 } });
  const pieces: Uint8Array[] = [];
  stream.on("data", (piece: Uint8Array) => pieces.push(piece));
  const ended = new Promise((resolve) => stream.on("end", resolve));
  for (let at = 0; at < content.length; at += 200_000)
    stream.write(content.subarray(at, at + 200_000));
  stream.end();
  await ended;
  return Buffer.concat(pieces);
}

// Deno throws the errors of asynchronous zlib where nobody can catch them: only its own mode there.
const onDeno = navigator.userAgent.startsWith("Deno/");

for (const blocking of onDeno ? [true] : [false, true]) {
  describe(`decompressFrames() ${blocking ? "on the calling thread" : "on the thread pool"}`, () => {
    test("undoes compressFrames() for any sizes", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.nat(600_000),
          fc.integer({ min: 1000, max: 300_000 }),
          fc.integer({ min: 50, max: 400_000 }),
          fc.integer({ min: 1, max: 6 }),
          fc.boolean(),
          async (length, frameSize, piece, inFlight, ownsInput) => {
            const content = sample(length);
            const file = await compressed(content, { frameSize, inFlight, ownsInput });
            const options = { blocking, inFlight, piece, ownsInput };
            expect(Buffer.from(await decompressed(file, options)).equals(content)).toBe(true);
          },
        ),
        { numRuns: 30 },
      );
    });

    test("takes frames of more than 1 MiB, without a size in them, and skippable ones", async () => {
      const content = sample(3 * MIB + 17);
      const skippable = Uint8Array.from([0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2]);
      const small = await compressed(sample(10));
      const file = Buffer.concat([skippable, await streamedFrame(content), small, skippable]);
      const plaintext = await decompressed(file, { blocking });
      expect(Buffer.concat([content, sample(10)]).equals(plaintext)).toBe(true);
    });

    test("takes a frame too large to hold as a stream, and goes on with the frames after it", async () => {
      const content = sample(20 * MIB);
      const file = Buffer.concat([await streamedFrame(content), await compressed(sample(10))]);
      for (const piece of [5000, 40 * MIB]) {
        const plaintext = await decompressed(file, { blocking, piece, ownsInput: true });
        expect(Buffer.concat([content, sample(10)]).equals(plaintext)).toBe(true);
      }
    });

    test("keeps the pieces of a bomb small: 200 MiB out of 20 KiB", async () => {
      const bomb = zstdCompressSync(new Uint8Array(200 * MIB));
      expect(bomb.length).toBeLessThan(30_000);
      const reader = inPieces(bomb, bomb.length)
        .pipeThrough(decompressFrames({ blocking }))
        .getReader();
      let largest = 0;
      let total = 0;
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        largest = Math.max(largest, value.length);
        total += value.length;
      }
      expect(total).toBe(200 * MIB);
      expect(largest).toBeLessThan(9 * MIB);
    });

    test("can be cancelled in the middle, also of a large frame", async () => {
      for (const file of [
        await compressed(sample(6 * MIB)),
        await streamedFrame(sample(30 * MIB)),
      ]) {
        const reader = inPieces(file, 100_000)
          .pipeThrough(decompressFrames({ blocking }))
          .getReader();
        await reader.read();
        await reader.cancel("enough");
      }
    });

    test("refuses every cut, and releases only whole frames", async () => {
      const content = sample(200_000);
      const file = await compressed(content, { frameSize: 50_000 });
      const ends = frameLengths(file).map((_, at, all) =>
        all.slice(0, at + 1).reduce((a, b) => a + b),
      );
      for (let length = 0; length < file.length; length += 997) {
        const cut = file.subarray(0, length);
        if (ends.includes(length)) continue;
        expect((await damageOf(cut, { blocking })).message).toMatch(/middle|empty/);
        const { bytes } = await outcome(cut, { blocking });
        expect(bytes.length % 50_000).toBe(0);
        expect(Buffer.from(content.subarray(0, bytes.length)).equals(bytes)).toBe(true);
      }
    });

    test("refuses garbage, trailing bytes and nothing at all, and says where", async () => {
      const file = await compressed(sample(1000));
      expect((await damageOf(noise(1000), { blocking })).message).toContain("at byte 0");
      const trailing = await damageOf(Buffer.concat([file, noise(5)]), { blocking });
      expect(trailing.message).toContain(`at byte ${file.length}`);
      expect((await damageOf(Buffer.concat([file, noise(3)]), { blocking })).message).toContain(
        "middle",
      );
      expect((await damageOf(new Uint8Array(0), { blocking })).message).toContain("empty");
    });

    test("gives back the content or refuses, whatever byte is altered", async () => {
      const content = sample(120_000);
      const file = await compressed(content, { frameSize: 50_000 });
      await fc.assert(
        fc.asyncProperty(
          fc.nat(file.length - 1),
          fc.integer({ min: 1, max: 255 }),
          async (at, mask) => {
            const altered = Uint8Array.from(file);
            altered[at] = (altered[at] ?? 0) ^ mask;
            const { bytes, failure } = await outcome(altered, { blocking });
            // Unused bits of a frame (a skippable frame's number, say) may change without harm.
            if (failure === undefined) expect(Buffer.from(bytes).equals(content)).toBe(true);
            else expect(failure instanceof OperatorError).toBe(true);
          },
        ),
        { numRuns: 150 },
      );
    });

    test("refuses a wrong checksum and a wrong content size", async () => {
      const file = Uint8Array.from(await compressed(sample(5000)));
      file[file.length - 1] = (file[file.length - 1] ?? 0) ^ 1;
      expect((await damageOf(file, { blocking })).message).toContain("byte 0");
      // A raw block of 3 bytes in a frame that claims 4.
      const lying = [0x28, 0xb5, 0x2f, 0xfd, 0x20, 4, (3 << 3) | 1, 0, 0, 1, 2, 3];
      await damageOf(Uint8Array.from(lying), { blocking });
    });
  });
}

if (!onDeno) {
  describe("decompressFrames() on a frame too large to hold", () => {
    test("refuses one that is altered, cut, or does not hold what it claims", async () => {
      const file = Uint8Array.from(await streamedFrame(sample(20 * MIB)));
      expect((await damageOf(file.subarray(0, -5))).message).toContain("middle");
      file[file.length - 2] = (file[file.length - 2] ?? 0) ^ 4;
      expect((await damageOf(file)).message).toContain("checksum");
      const claims = Uint8Array.from(zstdCompressSync(new Uint8Array(20 * MIB)));
      // The content size stands after magic, descriptor and window: one byte less than there is.
      expect((claims[4] ?? 0) >> 6).toBe(2);
      claims[6] = (claims[6] ?? 0) + 1;
      expect((await damageOf(claims)).message).toContain("byte 0");
    });
  });
}
