import { inspect } from "node:util";
import { describe, expect, test } from "bun:test";
import { armor, Encrypter } from "age-encryption";
import fc from "fast-check";
import { decryptStream, inspectHeader, opensWith, recipientOf } from "../../../src/archive/age.ts";
import type { OperatorError } from "../../../src/errors.ts";
import { encrypted, inPieces, noise, operatorErrorOf } from "./streams.ts";
import { identity, other, hybrid, recipient, mistyped } from "./header-support.ts";

async function openingError(file: Uint8Array, identities = [identity]): Promise<OperatorError> {
  return operatorErrorOf(() => decryptStream(inPieces(file, 1000), identities));
}

describe("decryptStream()", () => {
  test("says so when no identity matches, and names the kinds of recipients", async () => {
    const error = await openingError(await encrypted(noise(10), [recipient]), [other, hybrid]);
    expect([error.exit, error.code]).toEqual(["key", "NO_IDENTITY_MATCHED"]);
    expect(error.message).toContain("X25519");
    expect(error.hint === undefined).toBe(false);
  });

  test("asks for an identity when there is none", async () => {
    const error = await openingError(await encrypted(noise(10), [recipient]), []);
    expect([error.exit, error.code]).toEqual(["key", "NO_IDENTITY"]);
  });

  test("never shows any part of a mistyped secret key: not in message, hint, stack or cause", async () => {
    const file = await encrypted(noise(10), [recipient]);
    const keys = fc.constantFrom(identity, hybrid);
    await fc.assert(
      fc.asyncProperty(keys, fc.nat(50), async (key, at) => {
        const wrong = mistyped(key, at);
        for (const action of [
          () => decryptStream(inPieces(file, 100), [other, wrong]),
          () => opensWith([recipient], [wrong]),
          () => recipientOf(wrong),
        ]) {
          const error = await operatorErrorOf(action);
          expect([error.exit, error.code]).toEqual(["key", "IDENTITY_INVALID"]);
          const shown = inspect(error) + String(error.stack) + String(error.hint);
          expect(shown).not.toContain(wrong.slice(20, 40));
          expect(error.cause).toBeUndefined();
        }
      }),
      { numRuns: 40 },
    );
  });

  test("tells which identity of several is wrong", async () => {
    const error = await openingError(await encrypted(noise(10), [recipient]), [
      other,
      `${identity} `,
    ]);
    expect(error.message).toContain("identity 2 of 2");
  });

  test("says of an armored file that it is armored", async () => {
    const text = new TextEncoder().encode(
      `\n ${armor.encode(await encrypted(noise(10), [recipient]))}`,
    );
    const error = await openingError(text);
    expect([error.exit, error.code]).toEqual(["verifyFailed", "AGE_ARMORED"]);
    expect(() => inspectHeader(text)).toThrow("armored");
  });

  test("tells a file that is not age, of a later age, empty, or cut in its header", async () => {
    const file = await encrypted(noise(10), [recipient]);
    const text = (content: string) => new TextEncoder().encode(content);
    expect((await openingError(text("hello\n"))).code).toBe("NOT_AGE");
    expect((await openingError(new Uint8Array(0))).code).toBe("NOT_AGE");
    expect((await openingError(noise(500_000))).code).toBe("NOT_AGE");
    expect((await openingError(text("age-encryption.org/v2\n-> a\n"))).message).toContain(
      "version v2",
    );
    for (const length of [1, 10, 22, 60, 150, inspectHeader(file).headerSize - 1]) {
      const error = await openingError(file.subarray(0, length));
      expect([error.exit, error.code]).toEqual(["verifyFailed", "HEADER_DAMAGED"]);
    }
  });

  test("refuses a header that names no recipient", async () => {
    const error = await openingError(await new Encrypter().encrypt(noise(10)));
    expect(error.message).toContain("names no recipient");
  });

  test("refuses a header altered anywhere", async () => {
    const file = await encrypted(noise(10), [recipient]);
    const { headerSize } = inspectHeader(file);
    for (let at = 0; at < headerSize; at += 1) {
      const altered = Uint8Array.from(file);
      altered[at] = (altered[at] ?? 0) ^ 1;
      const error = await openingError(altered);
      expect(["NOT_AGE", "HEADER_DAMAGED", "NO_IDENTITY_MATCHED"]).toContain(error.code);
    }
  });
});
