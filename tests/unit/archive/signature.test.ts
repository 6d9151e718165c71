import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { canonicalJson } from "../../../src/archive/canonical-json.ts";
import { parseManifest, serializeManifest } from "../../../src/archive/manifest.ts";
import {
  checkSignature,
  exportSigningKey,
  generateSigningKey,
  importSigningKey,
  signManifest,
  withRunbook,
} from "../../../src/archive/signature.ts";
import { makeTestContent } from "../../helpers/archive.ts";
import { failureOf } from "../../helpers/errors.ts";

const { manifest } = await makeTestContent();
const key = await generateSigningKey();
const signed = await signManifest(manifest, key);

describe("canonicalJson()", () => {
  test("gives the text of RFC 8785's own example", () => {
    const value = {
      // eslint-disable-next-line no-loss-of-precision -- the RFC's point
      numbers: [333333333.33333329, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  test("sorts keys by UTF-16 code units", () => {
    const value = { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\u{1f600}": 5, "\u0080": 6, ö: 7 };
    expect(Object.values(JSON.parse(canonicalJson(value)) as object)).toEqual([
      4, 2, 6, 7, 1, 5, 3,
    ]);
  });

  test("says the same whatever the order of keys, and loses nothing", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        const turned = Object.fromEntries(Object.entries(value).toReversed());
        expect(canonicalJson(turned)).toBe(canonicalJson(value));
        expect(JSON.stringify(JSON.parse(canonicalJson(value)))).toHaveLength(
          JSON.stringify(value).length,
        );
      }),
    );
  });

  test("refuses what JSON cannot hold", () => {
    expect(() => canonicalJson(Number.NaN)).toThrow("cannot write");
    expect(() => canonicalJson("\ud800")).toThrow("lone surrogate");
    expect(() => canonicalJson(() => 1)).toThrow("function");
  });
});

describe("checkSignature()", () => {
  test("accepts what signManifest() signed, after a trip through JSON", async () => {
    const read = parseManifest(serializeManifest(signed));
    expect(await checkSignature(read)).toEqual({ state: "valid", publicKey: key.publicKey });
  });

  test("says that an unsigned manifest is unsigned", async () => {
    expect(await checkSignature(manifest)).toEqual({ state: "unsigned" });
  });

  test("covers fields that a later release adds", async () => {
    const later = await signManifest(Object.assign({ later: 1 }, manifest), key);
    const read = parseManifest(serializeManifest(later));
    expect((await checkSignature(read)).state).toBe("valid");
    const changed = parseManifest(serializeManifest(Object.assign({}, later, { later: 2 })));
    expect((await failureOf(() => checkSignature(changed))).code).toBe("SIGNATURE_WRONG");
  });

  test("refuses a manifest changed in any field after signing", async () => {
    const changes = [
      { id: "00000000" },
      { cluster: { ...manifest.cluster, name: "other" } },
      { runbook: { size: 1, sha256: "0".repeat(64) } },
      { entries: manifest.entries.slice(1) },
      { previous: { name: "x", sha256: "0".repeat(64) } },
    ];
    for (const change of changes) {
      const error = await failureOf(() => checkSignature({ ...signed, ...change }));
      expect([error.code, error.exit]).toEqual(["SIGNATURE_WRONG", "verifyFailed"]);
    }
  });

  test("refuses another key's signature, garbage, and a signature that does not cover the runbook", async () => {
    const other = await generateSigningKey();
    const { runbook: _, ...bare } = signed;
    const value = signed.signature?.value ?? "";
    const wrong = [
      { ...signed, signature: { publicKey: other.publicKey, value } },
      { ...signed, signature: { publicKey: "AAAA", value } },
      { ...signed, signature: { publicKey: key.publicKey, value: "not base64 !" } },
      bare,
    ];
    for (const one of wrong) {
      expect((await failureOf(() => checkSignature(one))).code).toBe("SIGNATURE_WRONG");
    }
  });
});

describe("signing keys", () => {
  test("survive being kept as text", async () => {
    const again = await importSigningKey(`${exportSigningKey(key)}\n`);
    expect((await checkSignature(await signManifest(manifest, again))).state).toBe("valid");
  });

  test("are refused when damaged or mixed, without repeating the text", async () => {
    const other = await generateSigningKey();
    const mixed = exportSigningKey({ ...key, publicKey: other.publicKey });
    for (const text of ["", "hello", exportSigningKey(key).slice(0, -9), mixed]) {
      const error = await failureOf(() => importSigningKey(text));
      expect(error.code).toBe("SIGNING_KEY_BROKEN");
      expect(`${error.message}${error.hint}`).not.toContain(key.privateKey.slice(0, 20));
    }
  });

  test("sign only manifests that cover the runbook", async () => {
    const { runbook: _, ...bare } = withRunbook(manifest, "x");
    await expect(signManifest(bare, key)).rejects.toThrow("does not cover the runbook");
  });
});
