import { describe, expect, test } from "bun:test";
import { Decrypter, Encrypter } from "age-encryption";
import fc from "fast-check";
import { CHUNK_SIZE, SEALED_CHUNK_SIZE } from "../../../src/archive/age-payload.ts";
import { decryptStream, encryptStream, payloadSize } from "../../../src/archive/age.ts";
import { CIPHER_NAMES, cipherNamed } from "../../../src/archive/cipher.ts";
import type { Cipher } from "../../../src/archive/cipher.ts";
import {
  bytesOf,
  collect,
  decrypted,
  encrypted,
  inPieces,
  noise,
  operatorErrorOf,
} from "./streams.ts";
import { identity, recipient, damage, headerSizeOf } from "./payload-support.ts";

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
