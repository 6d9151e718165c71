import { beforeAll, describe, expect, test } from "bun:test";
import { proveOpens } from "../../../src/keys/prove.ts";
import { foundHere, keyPair, refusal } from "./fixtures.ts";
import type { KeyPair } from "./fixtures.ts";

describe("proveOpens()", () => {
  let a: KeyPair;
  let b: KeyPair;
  let hybrid: KeyPair;
  beforeAll(async () => {
    [a, b, hybrid] = await Promise.all([keyPair(), keyPair(), keyPair("post-quantum")]);
  });

  test("names every identity that opens, and no other", async () => {
    const { openedBy } = await proveOpens({
      recipients: [a.recipient, b.recipient],
      identities: foundHere(hybrid, b, a),
    });
    expect(openedBy.map(({ recipient }) => recipient)).toEqual([b.recipient, a.recipient]);
  });

  test("works with post-quantum keys", async () => {
    const { openedBy } = await proveOpens({
      recipients: [hybrid.recipient],
      identities: foundHere(hybrid),
    });
    expect(openedBy).toHaveLength(1);
  });

  test("refuses when no identity opens, unless this host only writes", async () => {
    for (const identities of [foundHere(b, hybrid), foundHere(b), foundHere()]) {
      const error = await refusal(() => proveOpens({ recipients: [a.recipient], identities }));
      expect([error.exit, error.code]).toEqual(["key", "KEY_DOES_NOT_OPEN"]);
      expect(error.hint).toContain("/home/.config/sops/age/keys.txt");
      const proof = await proveOpens({ recipients: [a.recipient], identities, writeOnly: true });
      expect(proof.openedBy).toEqual([]);
    }
  });

  test("does not believe a recipient that stands beside the wrong secret", async () => {
    const lying = foundHere({ secret: b.secret, recipient: a.recipient });
    const error = await refusal(() => proveOpens({ recipients: [a.recipient], identities: lying }));
    expect(error.code).toBe("KEY_DOES_NOT_OPEN");
  });

  test("refuses a recipient with a right checksum that is no usable point", async () => {
    const zero = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";
    const { bech32 } = await import("@scure/base");
    const allZero = bech32.encodeFromBytes("age", new Uint8Array(32));
    expect(allZero.startsWith(zero.slice(0, 40))).toBe(true);
    const error = await refusal(() =>
      proveOpens({ recipients: [allZero], identities: foundHere(a) }),
    );
    expect(error.code).toBe("RECIPIENT_INVALID");
  });

  test("is a bug to call for nobody", async () => {
    await expect(proveOpens({ recipients: [], identities: foundHere(a) })).rejects.toThrow(
      "cannot encrypt to nobody",
    );
  });
});
