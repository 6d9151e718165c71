/**
 * The 143 test vectors that every age implementation is measured by (C2SP/CCTV).
 * The verdict and the plaintext released before a failure are Go's on every one of them: the eleven
 * deviations of typage's own payload code (facts/age-sops.md 4) do not apply to ours.
 */
import { createHash } from "node:crypto";
import { inflateSync } from "node:zlib";
import { describe, expect, test } from "bun:test";
import { armor, Decrypter } from "age-encryption";
import * as vectors from "cctv-age";
import { openHeaderWith } from "../../../src/archive/age-header.ts";
import { decryptWith } from "../../../src/archive/age.ts";
import { OperatorError } from "../../../src/errors.ts";
import { collect, inPieces } from "./streams.ts";

interface Vector {
  readonly fields: Map<string, string[]>;
  readonly file: Uint8Array;
}

function parseVector(bytes: Uint8Array): Vector {
  const raw = Buffer.from(bytes);
  const split = raw.indexOf("\n\n");
  const fields = new Map<string, string[]>();
  for (const line of raw.subarray(0, split).toString().split("\n")) {
    const colon = line.indexOf(": ");
    const key = line.slice(0, colon);
    fields.set(key, [...(fields.get(key) ?? []), line.slice(colon + 2)]);
  }
  const body = raw.subarray(split + 2);
  return { fields, file: fields.has("compressed") ? inflateSync(body) : body };
}

const NOTHING = new Uint8Array(0);

function headerVerdict(error: unknown): string {
  if (!(error instanceof OperatorError)) throw error;
  if (error.code === "NO_IDENTITY_MATCHED") return "no match";
  if (error.message.includes("MAC does not match")) return "HMAC failure";
  return error.exit === "verifyFailed" ? "header failure" : error.code;
}

async function runVector(
  vector: Vector,
  piece: number,
): Promise<{ verdict: string; hash: string }> {
  const result = (verdict: string, bytes: Uint8Array = NOTHING) => ({
    verdict,
    hash: createHash("sha256").update(bytes).digest("hex"),
  });
  let file = vector.file;
  if (vector.fields.has("armored")) {
    try {
      file = armor.decode(Buffer.from(file).toString("latin1"));
    } catch {
      return result("armor failure");
    }
  }
  const decrypter = new Decrypter();
  for (const identity of vector.fields.get("identity") ?? []) decrypter.addIdentity(identity);
  for (const phrase of vector.fields.get("passphrase") ?? []) decrypter.addPassphrase(phrase);
  let plaintext: ReadableStream<Uint8Array>;
  try {
    const open = (header: Uint8Array) => openHeaderWith(header, decrypter);
    plaintext = await decryptWith(inPieces(file, piece), open);
  } catch (error) {
    return result(headerVerdict(error));
  }
  const { bytes, failure } = await collect(plaintext);
  if (failure === undefined) return result("success", bytes);
  if (!(failure instanceof OperatorError)) throw failure;
  return result(failure.code === "ARCHIVE_DAMAGED" ? "payload failure" : failure.code, bytes);
}

const named: [string, Uint8Array][] = Object.entries(vectors).filter(
  (entry): entry is [string, Uint8Array] => entry[1] instanceof Uint8Array,
);

describe("decryptStream() against CCTV", () => {
  test("there are 143 vectors", () => expect(named).toHaveLength(143));

  for (const [name, bytes] of named) {
    test(`agrees on ${name}`, async () => {
      const vector = parseVector(bytes);
      const expected = vector.fields.get("expect")?.[0] ?? "";
      const payload = vector.fields.get("payload")?.[0] ?? createHash("sha256").digest("hex");
      for (const piece of [1_000_000, 4096, 61]) {
        const { verdict, hash } = await runVector(vector, piece);
        expect(verdict).toBe(expected);
        expect(hash).toBe(payload);
      }
    });
  }
});
