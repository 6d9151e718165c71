import { describe, expect, test } from "bun:test";
import { Encrypter } from "age-encryption";
import {
  createHeader,
  MAX_HEADER_SIZE,
  openHeader,
  readHeader,
} from "../../../src/archive/age-header.ts";
import { decryptStream, inspectHeader, opensWith, recipientOf } from "../../../src/archive/age.ts";
import { PieceReader } from "../../../src/archive/frame-pieces.ts";
import { decrypted, encrypted, inPieces, noise, operatorErrorOf } from "./streams.ts";
import { identity, other, hybrid, recipient, hybridRecipient } from "./header-support.ts";

describe("createHeader()", () => {
  test("still gets the file key out of typage through a recipient without stanza", async () => {
    const { header, fileKey } = await createHeader([recipient]);
    expect(inspectHeader(header)).toEqual({ stanzaTypes: ["X25519"], headerSize: header.length });
    expect(fileKey).toHaveLength(16);
    expect(Buffer.from(await openHeader(header, [identity])).equals(fileKey)).toBe(true);
  });

  test("makes a new file key each time", async () => {
    const one = await createHeader([recipient]);
    const two = await createHeader([recipient]);
    expect(Buffer.from(one.fileKey).equals(two.fileKey)).toBe(false);
  });

  test("writes one stanza for each recipient, and none twice", async () => {
    const second = await recipientOf(other);
    const { header } = await createHeader([recipient, second, recipient]);
    expect(inspectHeader(header).stanzaTypes).toEqual(["X25519", "X25519"]);
    expect(await opensWith([recipient, second], [other])).toBe(true);
  });
});

describe("readHeader()", () => {
  test("takes a header in pieces of any size and leaves the rest", async () => {
    const file = await encrypted(noise(100), [recipient, await recipientOf(other)]);
    const { headerSize } = inspectHeader(file);
    for (const piece of [1, 2, 3, 7, 63, headerSize - 1, headerSize, headerSize + 1, 10_000]) {
      const reader = new PieceReader(inPieces(file, piece));
      expect(await readHeader(reader)).toHaveLength(headerSize);
      expect(reader.position).toBe(headerSize);
    }
  });

  test("gives up on an endless header after 256 KiB, in pieces of any size", async () => {
    for (const piece of [1000, 10_000_000]) {
      let given = 0;
      const endless = new TextEncoder().encode("-> X25519 abc\n".repeat(piece / 10));
      const input = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            const start = given === 0 ? "age-encryption.org/v1\n" : "";
            controller.enqueue(Buffer.concat([Buffer.from(start), endless]));
            given += endless.length;
          },
        },
        { highWaterMark: 0 },
      );
      const error = await operatorErrorOf(() => decryptStream(input, [identity]));
      expect(error.message).toContain("longer than 256 KiB");
      expect(given).toBeLessThan(MAX_HEADER_SIZE + 2 * endless.length);
    }
  });

  test("takes the header of a hundred post-quantum recipients", async () => {
    const encrypter = new Encrypter();
    for (let count = 0; count < 100; count += 1) encrypter.addRecipient(hybridRecipient);
    const file = await encrypter.encrypt(noise(5));
    expect(inspectHeader(file).stanzaTypes).toHaveLength(100);
    expect(await decrypted(file, [hybrid])).toHaveLength(5);
  });
});
