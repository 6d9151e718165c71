import { inspect } from "node:util";
import { describe, expect, test } from "bun:test";
import { armor, Encrypter, generateHybridIdentity, generateX25519Identity } from "age-encryption";
import fc from "fast-check";
import {
  createHeader,
  MAX_HEADER_SIZE,
  openHeader,
  readHeader,
} from "../../../src/archive/age-header.ts";
import {
  decryptStream,
  encryptStream,
  inspectHeader,
  opensWith,
  recipientKind,
  recipientOf,
} from "../../../src/archive/age.ts";
import { PieceReader } from "../../../src/archive/frame-pieces.ts";
import type { OperatorError } from "../../../src/errors.ts";
import { decrypted, encrypted, inPieces, noise, operatorErrorOf } from "./streams.ts";

const identity = await generateX25519Identity();
const other = await generateX25519Identity();
const hybrid = await generateHybridIdentity();
const recipient = await recipientOf(identity);
const hybridRecipient = await recipientOf(hybrid);
const SSH =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJSCGb2RVVJs4Cv1I0ppTBpQkCEsYCI3zUK4cA3Mt2hr me@host";
const PLUGIN = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t";

async function openingError(file: Uint8Array, identities = [identity]): Promise<OperatorError> {
  return operatorErrorOf(() => decryptStream(inPieces(file, 1000), identities));
}

/** The key with one character changed, as a typo would. */
function mistyped(key: string, at: number): string {
  return key.slice(0, at) + (key[at] === "Q" ? "P" : "Q") + key.slice(at + 1);
}

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

describe("encryptStream()", () => {
  const refused: [string, string[], string][] = [
    ["nobody", [], "NO_RECIPIENTS"],
    [
      "a mix of post-quantum and classic recipients",
      [recipient, hybridRecipient],
      "RECIPIENTS_MIXED",
    ],
    ["an SSH key", [SSH], "RECIPIENT_UNSUPPORTED"],
    ["a plugin's recipient", [recipient, PLUGIN], "RECIPIENT_UNSUPPORTED"],
    ["a recipient with a typo", [mistyped(recipient, 20)], "RECIPIENT_INVALID"],
    ["a recipient with a space behind it", [`${recipient} `], "RECIPIENT_INVALID"],
    ["an empty recipient", [""], "RECIPIENT_INVALID"],
  ];
  for (const [what, recipients, code] of refused) {
    test(`refuses to encrypt to ${what}`, async () => {
      const error = await operatorErrorOf(() => encryptStream(recipients));
      expect([error.exit, error.code]).toEqual(["key", code]);
    });
  }

  test("does not repeat a secret key that stands where a recipient belongs", async () => {
    const error = await operatorErrorOf(() => encryptStream([identity]));
    expect(error.code).toBe("RECIPIENT_INVALID");
    expect(JSON.stringify([error.message, error.hint, String(error.stack)])).not.toContain(
      identity.slice(16),
    );
  });

  test("encrypts to a post-quantum recipient", async () => {
    const file = await encrypted(noise(100), [hybridRecipient]);
    expect(inspectHeader(file).stanzaTypes).toEqual(["mlkem768x25519"]);
    expect(Buffer.from(await decrypted(file, [identity, hybrid])).equals(noise(100))).toBe(true);
  });
});

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

describe("opensWith()", () => {
  test("is true exactly when one of the identities belongs to one of the recipients", async () => {
    expect(await opensWith([recipient], [other, identity])).toBe(true);
    expect(await opensWith([hybridRecipient], [hybrid])).toBe(true);
    expect(await opensWith([recipient], [other])).toBe(false);
    expect(await opensWith([hybridRecipient], [identity])).toBe(false);
  });

  test("does not hide that a recipient or an identity is unusable", async () => {
    expect((await operatorErrorOf(() => opensWith([SSH], [identity]))).code).toBe(
      "RECIPIENT_UNSUPPORTED",
    );
    expect((await operatorErrorOf(() => opensWith([recipient], []))).code).toBe("NO_IDENTITY");
  });
});

describe("recipientKind()", () => {
  test("names the kinds", () => {
    expect(recipientKind(recipient)).toEqual({ kind: "x25519" });
    expect(recipientKind(hybridRecipient)).toEqual({ kind: "post-quantum" });
    expect(recipientKind(SSH)).toEqual({ kind: "ssh" });
    expect(recipientKind(PLUGIN)).toEqual({ kind: "plugin", name: "yubikey" });
    expect(recipientKind("age1tag1qqqqqqqqqq")).toEqual({ kind: "plugin", name: "tag" });
    for (const text of [
      "",
      "age1",
      "age1pq1qqqqqqqqqq",
      mistyped(recipient, 30),
      identity,
      "ssh-dss AAAA",
    ]) {
      expect(recipientKind(text)).toEqual({ kind: "invalid" });
    }
  });
});
