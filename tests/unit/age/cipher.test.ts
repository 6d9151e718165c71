import { describe, expect, test } from "bun:test";
import { getCiphers } from "node:crypto";
import {
  CIPHER_NAMES,
  cipherNamed,
  passesSelfTest,
  pickCipher,
} from "../../../src/archive/cipher.ts";
import type { Cipher, KeyedCipher } from "../../../src/archive/cipher.ts";
import { noise } from "./streams.ts";

async function nobleCipher(): Promise<Cipher> {
  const cipher = await cipherNamed("noble");
  if (cipher === undefined) throw new Error("the noble cipher must always be there");
  return cipher;
}

/** A cipher whose keyed form is changed by `spoil`. */
function spoiled(cipher: Cipher, spoil: (keyed: KeyedCipher) => KeyedCipher): Cipher {
  return { ...cipher, withKey: async (key) => spoil(await cipher.withKey(key)) };
}

describe("cipherNamed()", () => {
  test("has at least two engines here, so that one checks the other", async () => {
    const found = await Promise.all(CIPHER_NAMES.map(cipherNamed));
    expect(found.filter((cipher) => cipher !== undefined).length).toBeGreaterThan(1);
  });

  test("has node:crypto exactly where node:crypto lists the cipher", async () => {
    const listed = getCiphers().includes("chacha20-poly1305");
    expect((await cipherNamed("node")) !== undefined).toBe(listed);
  });

  test("gives engines that agree on every length and refuse each other's altered output", async () => {
    const key = noise(32);
    const nonce = noise(12, 2);
    const reference = await (await nobleCipher()).withKey(key);
    for (const name of CIPHER_NAMES) {
      const keyed = await (await cipherNamed(name))?.withKey(key);
      if (keyed === undefined) continue;
      for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 1000, 65_536]) {
        const plaintext = noise(length, length + 3);
        const sealed = await keyed.seal(nonce, plaintext);
        expect(Buffer.from(sealed).equals(await reference.seal(nonce, plaintext))).toBe(true);
        const opened = await keyed.open(nonce, sealed);
        expect(Buffer.from(opened ?? Uint8Array.of(255)).equals(plaintext)).toBe(true);
        const altered = Uint8Array.from(sealed);
        altered[length] = (altered[length] ?? 0) ^ 0x80;
        expect(await keyed.open(nonce, altered)).toBeUndefined();
        expect(await keyed.open(nonce, sealed.subarray(0, 15))).toBeUndefined();
      }
    }
  });

  test("keeps its own copy of the key, so that the caller can wipe it", async () => {
    for (const name of CIPHER_NAMES) {
      const cipher = await cipherNamed(name);
      if (cipher === undefined) continue;
      const key = noise(32);
      const keyed = await cipher.withKey(key);
      const before = await keyed.seal(noise(12), noise(100));
      key.fill(0);
      expect(Buffer.from(await keyed.seal(noise(12), noise(100))).equals(before)).toBe(true);
    }
  });
});

describe("pickCipher()", () => {
  test("takes the first engine of the list that works", async () => {
    const found = await Promise.all(CIPHER_NAMES.map(cipherNamed));
    const first = found.find((cipher) => cipher !== undefined);
    expect((await pickCipher()).name === first?.name).toBe(true);
  });
});

describe("passesSelfTest()", () => {
  test("accepts a working engine", async () => {
    expect(await passesSelfTest(await nobleCipher())).toBe(true);
  });

  test("refuses an engine that seals wrongly", async () => {
    const wrong = spoiled(await nobleCipher(), (keyed) => ({
      ...keyed,
      seal: async (nonce, plaintext) =>
        (await keyed.seal(nonce, plaintext)).map((byte) => byte ^ 1),
    }));
    expect(await passesSelfTest(wrong)).toBe(false);
  });

  test("refuses an engine that opens to something else", async () => {
    const wrong = spoiled(await nobleCipher(), (keyed) => ({
      ...keyed,
      open: async (nonce, sealed) => (await keyed.open(nonce, sealed))?.map((byte) => byte ^ 1),
    }));
    expect(await passesSelfTest(wrong)).toBe(false);
  });

  test("refuses an engine that does not look at the tag", async () => {
    const wrong = spoiled(await nobleCipher(), (keyed) => ({
      ...keyed,
      open: async (nonce, sealed) => (await keyed.open(nonce, sealed)) ?? sealed.subarray(16),
    }));
    expect(await passesSelfTest(wrong)).toBe(false);
  });
});
