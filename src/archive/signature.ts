/**
 * Who wrote an archive: an Ed25519 signature over the manifest, which holds the
 * hash of everything else. age does not say it; anyone with the public key can
 * make a file that opens (facts/age-sops.md 5).
 */
import { createHash } from "node:crypto";
import { OperatorError } from "../errors.ts";
import { canonicalJson } from "./canonical-json.ts";
import { refused } from "./refused.ts";
import type { Manifest } from "./manifest.ts";

const KEY_PREFIX = "railiance-signing-key:";
const KEY_TEXT = /^railiance-signing-key:([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)$/;

/** A key pair as text, so that the caller can keep it where it likes. */
export interface SigningKey {
  /** 32 bytes, base64. */
  readonly publicKey: string;
  /** PKCS #8, base64. A secret. */
  readonly privateKey: string;
}

export type SignatureState =
  | { readonly state: "unsigned" }
  /** The signature fits this public key; whether to trust the key is the caller's question. */
  | { readonly state: "valid"; readonly publicKey: string };

/** Makes a new key pair. */
export async function generateSigningKey(): Promise<SigningKey> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  if (!("publicKey" in pair)) throw new TypeError("cannot make a signing key: no Ed25519 here");
  const [publicKey, privateKey] = await Promise.all([
    crypto.subtle.exportKey("raw", pair.publicKey),
    crypto.subtle.exportKey("pkcs8", pair.privateKey),
  ]);
  return { publicKey: toBase64(publicKey), privateKey: toBase64(privateKey) };
}

/** A key as one line of text, to be kept in a private file. */
export function exportSigningKey(key: SigningKey): string {
  return `${KEY_PREFIX}${key.publicKey}:${key.privateKey}`;
}

/** Reads what `exportSigningKey` wrote. Throws an OperatorError `SIGNING_KEY_BROKEN`; its text is never repeated. */
export async function importSigningKey(text: string): Promise<SigningKey> {
  const match = KEY_TEXT.exec(text.trim());
  const [, publicKey, privateKey] = match ?? [];
  if (publicKey !== undefined && privateKey !== undefined) {
    const key = { publicKey, privateKey };
    if (await belongsTogether(key)) return key;
  }
  throw new OperatorError(
    "precondition",
    "SIGNING_KEY_BROKEN",
    "this host's signing key is damaged",
    {
      hint: "move the key file aside; the next backup makes a new key",
    },
  );
}

/** The manifest with the runbook's hash, which a signature needs. */
export function withRunbook(manifest: Manifest, runbook: string): Manifest {
  const bytes = new TextEncoder().encode(runbook);
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { ...manifest, runbook: { size: bytes.length, sha256 } };
}

/**
 * The manifest with its signature. Throws a TypeError when it has no `runbook`:
 * the commands in there must not be exchangeable under a valid signature.
 */
export async function signManifest(manifest: Manifest, key: SigningKey): Promise<Manifest> {
  if (manifest.runbook === undefined) {
    throw new TypeError("cannot sign a manifest that does not cover the runbook");
  }
  const value = await sign(signedBytes(manifest), key);
  return { ...manifest, signature: { publicKey: key.publicKey, value } };
}

/**
 * Whether the manifest is signed, and by which key. Throws an OperatorError
 * `SIGNATURE_WRONG`, exit verifyFailed, when there is a signature that does not
 * fit. Needs the manifest as `parseManifest` returned it, unknown fields included.
 */
export async function checkSignature(manifest: Manifest): Promise<SignatureState> {
  if (manifest.signature === undefined) return { state: "unsigned" };
  const { publicKey, value } = manifest.signature;
  const bytes = signedBytes(manifest);
  if (manifest.runbook !== undefined && (await fits(bytes, { publicKey, value }))) {
    return { state: "valid", publicKey };
  }
  throw refused("SIGNATURE_WRONG", "the archive's signature does not fit its manifest", {
    hint: "somebody changed the archive after it was signed; do not restore it",
  });
}

interface Signature {
  readonly publicKey: string;
  readonly value: string;
}

async function belongsTogether(key: SigningKey): Promise<boolean> {
  const bytes = new TextEncoder().encode("railiance");
  try {
    return await fits(bytes, { publicKey: key.publicKey, value: await sign(bytes, key) });
  } catch {
    return false;
  }
}

async function sign(bytes: Uint8Array<ArrayBuffer>, key: SigningKey): Promise<string> {
  const pkcs8 = fromBase64(key.privateKey);
  const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  return toBase64(await crypto.subtle.sign("Ed25519", privateKey, bytes));
}

async function fits(bytes: Uint8Array<ArrayBuffer>, signature: Signature): Promise<boolean> {
  try {
    const raw = fromBase64(signature.publicKey);
    const key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, fromBase64(signature.value), bytes);
  } catch {
    return false; // a key or value that is none
  }
}

function signedBytes(manifest: Manifest): Uint8Array<ArrayBuffer> {
  const { signature: _, ...signed } = manifest;
  return new TextEncoder().encode(canonicalJson(signed));
}

function toBase64(bytes: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(bytes)));
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
