import { describe, expect, test } from "bun:test";
import { Decrypter, Encrypter, generateX25519Identity } from "age-encryption";
import fc from "fast-check";
import { CHUNK_SIZE, SEALED_CHUNK_SIZE } from "../../../src/archive/age-payload.ts";
import {
  decryptStream,
  encryptStream,
  inspectHeader,
  payloadSize,
  recipientOf,
} from "../../../src/archive/age.ts";
import { CIPHER_NAMES, cipherNamed } from "../../../src/archive/cipher.ts";
import type { Cipher } from "../../../src/archive/cipher.ts";
import { OperatorError } from "../../../src/errors.ts";
import {
  bytesOf,
  collect,
  decrypted,
  encrypted,
  inPieces,
  noise,
  operatorErrorOf,
} from "./streams.ts";

const identity = await generateX25519Identity();
const recipient = await recipientOf(identity);
const found = await Promise.all(CIPHER_NAMES.map(cipherNamed));
const ciphers = found.filter((cipher): cipher is Cipher => cipher !== undefined);

const BOUNDARIES = [
  0,
  1,
  CHUNK_SIZE - 1,
  CHUNK_SIZE,
  CHUNK_SIZE + 1,
  2 * CHUNK_SIZE - 1,
  2 * CHUNK_SIZE,
  4 * CHUNK_SIZE - 1,
  4 * CHUNK_SIZE,
  4 * CHUNK_SIZE + 1,
  9 * CHUNK_SIZE,
];

function damage(file: Uint8Array, at: number, mask = 1): Uint8Array {
  const altered = Uint8Array.from(file);
  altered[at] = (altered[at] ?? 0) ^ mask;
  return altered;
}

function headerSizeOf(file: Uint8Array): number {
  return inspectHeader(file).headerSize;
}

async function failureOf(
  file: Uint8Array,
): Promise<{ error: OperatorError; released: Uint8Array }> {
  const { bytes, failure } = await collect(await decryptStream(inPieces(file, 50_000), [identity]));
  if (!(failure instanceof OperatorError))
    throw new Error(`not an OperatorError: ${String(failure)}`);
  return { error: failure, released: bytes };
}

describe("encryptStream() and decryptStream()", () => {
  for (const size of BOUNDARIES) {
    test(`round-trip ${size} bytes with every cipher, and typage reads and writes the same`, async () => {
      const plaintext = noise(size, size);
      for (const cipher of ciphers) {
        const file = await encrypted(plaintext, [recipient], { cipher });
        expect(payloadSize(file.length, headerSizeOf(file))).toBe(size);
        expect(plaintext).toEqual(Uint8Array.from(await decrypted(file, [identity], { cipher })));
      }
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      const ours = await encrypted(plaintext, [recipient]);
      expect(Buffer.from(await decrypter.decrypt(ours)).equals(plaintext)).toBe(true);
      const encrypter = new Encrypter();
      encrypter.addRecipient(recipient);
      const theirs = await encrypter.encrypt(plaintext);
      expect(Buffer.from(await decrypted(theirs, [identity])).equals(plaintext)).toBe(true);
    });
  }

  test("round-trip any size in pieces of any size between any two ciphers", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(5 * CHUNK_SIZE),
        fc.integer({ min: 100, max: 300_000 }),
        fc.integer({ min: 100, max: 300_000 }),
        fc.constantFrom(...ciphers),
        fc.constantFrom(...ciphers),
        fc.boolean(),
        async (size, pieceIn, pieceOut, sealer, opener, ownsInput) => {
          const plaintext = noise(size, size);
          const file = await encrypted(plaintext, [recipient], {
            cipher: sealer,
            piece: pieceIn,
            ownsInput,
          });
          const options = { cipher: opener, piece: pieceOut, ownsInput };
          expect(Buffer.from(await decrypted(file, [identity], options)).equals(plaintext)).toBe(
            true,
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  test("refuse every file with one byte altered, and release only what is authentic", async () => {
    const plaintext = noise(3 * CHUNK_SIZE + 77);
    const file = await encrypted(plaintext, [recipient]);
    await fc.assert(
      fc.asyncProperty(
        fc.nat(file.length - 1),
        fc.integer({ min: 1, max: 255 }),
        async (at, mask) => {
          const altered = damage(file, at, mask);
          let released: Uint8Array = new Uint8Array(0);
          const error = await operatorErrorOf(async () => {
            const { bytes, failure } = await collect(
              await decryptStream(inPieces(altered, 70_000), [identity]),
            );
            released = bytes;
            if (failure !== undefined) throw failure;
          });
          expect(["verifyFailed", "key"]).toContain(error.exit);
          expect(Buffer.from(plaintext.subarray(0, released.length)).equals(released)).toBe(true);
          expect(released.length).toBeLessThan(plaintext.length);
        },
      ),
      { numRuns: 120 },
    );
  });

  test("leave the caller's pieces alone unless told that they own them", async () => {
    const piece = noise(200_000);
    const source = () =>
      new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(piece);
          controller.close();
        },
      });
    await bytesOf(source().pipeThrough(await encryptStream([recipient])));
    expect(piece.length).toBe(200_000);
    await bytesOf(source().pipeThrough(await encryptStream([recipient], { ownsInput: true })));
    expect(piece.length).toBe(0);
  });

  test("never use a nonce twice: two files of the same text differ throughout", async () => {
    const one = await encrypted(noise(1000), [recipient]);
    const two = await encrypted(noise(1000), [recipient]);
    expect(Buffer.from(one.subarray(-900)).equals(two.subarray(-900))).toBe(false);
  });
});

describe("decryptStream()", () => {
  test("tells a file cut between two chunks from an altered one, and releases the chunks before the cut", async () => {
    const plaintext = noise(6 * CHUNK_SIZE);
    const file = await encrypted(plaintext, [recipient]);
    for (const chunks of [1, 3, 4, 5]) {
      const cut = file.subarray(0, headerSizeOf(file) + 16 + chunks * SEALED_CHUNK_SIZE);
      const { error, released } = await failureOf(cut);
      expect(error.code).toBe("ARCHIVE_DAMAGED");
      expect(error.exit).toBe("verifyFailed");
      expect(error.message).toContain(`cut off after chunk ${chunks}`);
      expect(released.length).toBe(chunks * CHUNK_SIZE);
    }
  });

  test("names the last chunk of a file cut in the middle of one", async () => {
    const file = await encrypted(noise(2 * CHUNK_SIZE), [recipient]);
    for (const missing of [1, 15, 16, 17, 40_000, SEALED_CHUNK_SIZE - 1]) {
      const { error } = await failureOf(file.subarray(0, file.length - missing));
      expect(error.message).toContain("cut off in, or altered in, its last chunk (2)");
    }
  });

  test("names the chunk that was altered", async () => {
    const file = await encrypted(noise(6 * CHUNK_SIZE), [recipient]);
    const { error, released } = await failureOf(
      damage(file, headerSizeOf(file) + 16 + 2 * SEALED_CHUNK_SIZE + 5),
    );
    expect(error.message).toContain("altered in chunk 3");
    expect(released.length).toBe(2 * CHUNK_SIZE);
  });

  test("says that something follows the end, for a file with another one appended", async () => {
    const file = await encrypted(noise(4 * CHUNK_SIZE), [recipient]);
    const { error } = await failureOf(Buffer.concat([file, file]));
    expect(error.message).toContain("something follows the end");
    const short = await encrypted(noise(10), [recipient]);
    expect((await failureOf(Buffer.concat([short, short]))).error.code).toBe("ARCHIVE_DAMAGED");
  });

  test("refuses a file that ends with its header, in its nonce or right after it", async () => {
    const file = await encrypted(noise(10), [recipient]);
    for (const extra of [0, 1, 15]) {
      const cut = file.subarray(0, headerSizeOf(file) + extra);
      const error = await operatorErrorOf(() => decryptStream(inPieces(cut, 10), [identity]));
      expect(error.code).toBe("ARCHIVE_DAMAGED");
    }
    const { error } = await failureOf(file.subarray(0, headerSizeOf(file) + 16));
    expect(error.message).toContain("ends before its first chunk");
  });

  test("passes the error of a failing input on as it is, after the bytes before it", async () => {
    const file = await encrypted(noise(9 * CHUNK_SIZE), [recipient]);
    const broken = new Error("disk gone");
    let sent = false;
    const input = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (sent) controller.error(broken);
          else controller.enqueue(file.slice(0, 8 * CHUNK_SIZE));
          sent = true;
        },
      },
      { highWaterMark: 0 },
    );
    const { bytes, failure } = await collect(await decryptStream(input, [identity]));
    expect(failure).toBe(broken);
    expect(bytes.length).toBeGreaterThan(0);
  });

  test("cancels its input when it is cancelled, and when the file is refused", async () => {
    const file = await encrypted(noise(20 * CHUNK_SIZE), [recipient]);
    const watched = (bytes: Uint8Array) => {
      const reasons: unknown[] = [];
      const source = inPieces(bytes, 30_000).getReader();
      const stream = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            const { done, value } = await source.read();
            if (done) controller.close();
            else controller.enqueue(value);
          },
          cancel(reason) {
            reasons.push(reason);
          },
        },
        { highWaterMark: 0 },
      );
      return { stream, reasons };
    };
    const good = watched(file);
    const reader = (await decryptStream(good.stream, [identity])).getReader();
    await reader.read();
    await reader.cancel("enough");
    expect(good.reasons).toEqual(["enough"]);
    const bad = watched(damage(file, headerSizeOf(file) + 100));
    await collect(await decryptStream(bad.stream, [identity]));
    expect(bad.reasons).toHaveLength(1);
    const noAge = watched(noise(1000));
    await operatorErrorOf(() => decryptStream(noAge.stream, [identity]));
    expect(noAge.reasons).toHaveLength(1);
  });
});

describe("encryptStream()", () => {
  test("never writes the final chunk when its source fails, at whatever point", async () => {
    for (const size of [0, 10, CHUNK_SIZE, 4 * CHUNK_SIZE, 9 * CHUNK_SIZE + 1]) {
      const source = inPieces(noise(size), 50_000);
      const reader = source.getReader();
      const broken = new Error("tar failed");
      const failing = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { done, value } = await reader.read();
          if (done) controller.error(broken);
          else controller.enqueue(value);
        },
      });
      const { bytes, failure } = await collect(
        failing.pipeThrough(await encryptStream([recipient])),
      );
      expect(failure).toBe(broken);
      if (bytes.length === 0) continue;
      const { failure: refused } = await collect(
        await decryptStream(inPieces(bytes, 10_000), [identity]),
      );
      expect(refused instanceof OperatorError && refused.code === "ARCHIVE_DAMAGED").toBe(true);
    }
  });

  test("fails when its writer aborts, and tells its source when its reader cancels", async () => {
    const aborted = await encryptStream([recipient]);
    const writer = aborted.writable.getWriter();
    const result = collect(aborted.readable);
    await writer.write(noise(10));
    await writer.abort("stop");
    expect((await result).failure).toBe("stop");

    let cancelled: unknown;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(noise(1000)),
      cancel(reason) {
        cancelled = reason;
      },
    });
    const reader = endless.pipeThrough(await encryptStream([recipient])).getReader();
    await reader.read();
    await reader.cancel("enough");
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(cancelled).toBe("enough");
  });

  test("fails, rather than ends, when it is aborted without a reason", async () => {
    const { readable, writable } = await encryptStream([recipient]);
    const writer = writable.getWriter();
    const reader = readable.getReader();
    await reader.read();
    const rest = reader.read().then(
      () => "ended",
      () => "failed",
    );
    await writer.abort();
    expect(await rest).toBe("failed");
  });

  test("asks its source for no more than a window while nobody reads", async () => {
    let given = 0;
    const source = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          given += 10_000;
          controller.enqueue(noise(10_000));
        },
      },
      { highWaterMark: 0 },
    );
    const reader = source.pipeThrough(await encryptStream([recipient])).getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(given).toBeLessThan(12 * CHUNK_SIZE);
    await reader.cancel();
  });
});

describe("payloadSize()", () => {
  test("refuses lengths that no age file has", () => {
    const sealed = SEALED_CHUNK_SIZE;
    for (const payload of [0, 15, sealed + 1, sealed + 15, sealed + 16, 3 * sealed + 16]) {
      expect(() => payloadSize(200 + 16 + payload, 200)).toThrow("damaged");
    }
    expect(payloadSize(200 + 16 + 16, 200)).toBe(0);
    expect(payloadSize(200 + 16 + sealed + 17, 200)).toBe(CHUNK_SIZE + 1);
  });
});
