/** Stock zstd opens our frames and we open what it makes; with age around both, that is the archive's promise. */
import { afterAll, describe, expect, test } from "bun:test";
import { generateX25519Identity } from "age-encryption";
import { decryptStream, encryptStream, recipientOf } from "../../src/archive/age.ts";
import { compressFrames, decompressFrames } from "../../src/archive/frames.ts";
import { bytesOf, inPieces, noise, operatorErrorOf } from "../unit/age/streams.ts";
import { AGE_PROGRAMS, keyFolder, outputOf, run, ZSTD } from "./programs.ts";

const MIB = 1024 * 1024;
const identity = await generateX25519Identity();
const recipient = await recipientOf(identity);
const keys = keyFolder();
const keyFile = keys.write("key.txt", `${identity}\n`);

afterAll(() => keys.remove());

/** Compresses to about a half. */
function sample(length: number): Uint8Array {
  const bytes = noise(length, length);
  for (let at = 0; at + 64 < length; at += 128) bytes.copyWithin(at, 0, 64);
  return bytes;
}

function same(one: Uint8Array, two: Uint8Array): boolean {
  return Buffer.from(one).equals(two);
}

function decompressed(file: Uint8Array): Promise<Uint8Array> {
  return bytesOf(inPieces(file, 300_000).pipeThrough(decompressFrames()));
}

describe("zstd", () => {
  test("opens and tests what compressFrames() makes, at boundary sizes", async () => {
    for (const size of [0, 1, MIB - 1, MIB, MIB + 1, 5 * MIB + 3]) {
      const content = sample(size);
      const file = await bytesOf(inPieces(content, 100_000).pipeThrough(compressFrames()));
      expect(run(ZSTD, ["-t"], file).code).toBe(0);
      expect(same(outputOf(ZSTD, ["-d", "-c"], file), content)).toBe(true);
    }
  });

  test("makes files of every kind that decompressFrames() opens", async () => {
    const content = sample(12 * MIB);
    const kinds = [
      ["-3"],
      ["-1", "-T2"],
      ["-9", "--no-check"],
      ["--fast=5"],
      ["--long=27"],
      ["-3", `--stream-size=${content.length}`],
      ["-3", "--rsyncable", "-T2"],
    ];
    for (const args of kinds) {
      const file = outputOf(ZSTD, ["-c", ...args], content);
      expect(same(await decompressed(file), content)).toBe(true);
      const cut = await operatorErrorOf(() => decompressed(file.subarray(0, file.length - 2)));
      expect(cut.code).toBe("ARCHIVE_DAMAGED");
    }
  });

  test("refuses the window that we refuse", async () => {
    const file = outputOf(ZSTD, ["-c", "--long=30", "--ultra", "-1"], sample(MIB));
    expect(run(ZSTD, ["-t"], file).code).toBe(1);
    expect((await operatorErrorOf(() => decompressed(file))).message).toContain("128 MiB");
  });
});

describe("the archive", () => {
  for (const { title, path } of AGE_PROGRAMS) {
    test(`opens with ${title} and zstd, and theirs with us`, async () => {
      const content = sample(5 * MIB + 7);
      const ours = await bytesOf(
        inPieces(content, 100_000)
          .pipeThrough(compressFrames())
          .pipeThrough(await encryptStream([recipient], { ownsInput: true })),
      );
      const opened = outputOf(ZSTD, ["-d", "-c"], outputOf(path, ["-d", "-i", keyFile], ours));
      expect(same(opened, content)).toBe(true);
      const theirs = outputOf(path, ["-r", recipient], outputOf(ZSTD, ["-c"], content));
      const plaintext = (await decryptStream(inPieces(theirs, 50_000), [identity])).pipeThrough(
        decompressFrames({ ownsInput: true }),
      );
      expect(same(await bytesOf(plaintext), content)).toBe(true);
    });
  }
});
