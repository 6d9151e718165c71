import { describe, expect, test } from "bun:test";
import {
  encryptStream,
  inspectHeader,
  opensWith,
  recipientKind,
} from "../../../src/archive/age.ts";
import { decrypted, encrypted, noise, operatorErrorOf } from "./streams.ts";
import { identity, other, hybrid, recipient, hybridRecipient, mistyped } from "./header-support.ts";

const SSH =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJSCGb2RVVJs4Cv1I0ppTBpQkCEsYCI3zUK4cA3Mt2hr me@host";

const PLUGIN = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t";

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
