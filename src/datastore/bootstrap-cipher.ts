/**
 * The envelope of K3s's bootstrap data, pkg/cluster/encrypt.go:
 * `salt:base64(nonce | ciphertext | tag)`, AES-256-GCM under PBKDF2-SHA1 of the
 * token's password. The salt is 16 hex digits and is used **as that text**.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, pbkdf2Sync, randomBytes } from "node:crypto";
import { OperatorError } from "../errors.ts";
import { USE_ANOTHER } from "./damage.ts";

const CIPHER = "aes-256-gcm";
const ROUNDS = 4096;
const KEY_LENGTH = 32;
const NONCE_LENGTH = 12;
const TAG_LENGTH = 16;
const SALT_BYTES = 8;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The bootstrap data is there and cannot be used. `what` is a clause, without anything of its content. */
export function bootstrapDamaged(what: string): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "BOOTSTRAP_DAMAGED",
    `the cluster's certificates and keys (K3s bootstrap data) cannot be restored: ${what}`,
    { hint: USE_ANOTHER },
  );
}

/** Opens a value of a `/bootstrap/<hash>` key. Throws BOOTSTRAP_DAMAGED. */
export function openEnvelope(value: Uint8Array, password: string): Uint8Array {
  const text = new TextDecoder().decode(value);
  const colon = text.indexOf(":");
  // K3s creates the key empty, as a lock, before it fills it.
  if (value.byteLength === 0) throw bootstrapDamaged("they are empty");
  const encoded = text.slice(colon + 1);
  const sealed = Buffer.from(encoded, "base64");
  if (colon < 0 || !BASE64.test(encoded) || sealed.byteLength < NONCE_LENGTH + TAG_LENGTH) {
    throw bootstrapDamaged("they are not in K3s's format");
  }
  const end = sealed.byteLength - TAG_LENGTH;
  const key = pbkdf2Sync(password, text.slice(0, colon), ROUNDS, KEY_LENGTH, "sha1");
  try {
    const decipher = createDecipheriv(CIPHER, key, sealed.subarray(0, NONCE_LENGTH), {
      authTagLength: TAG_LENGTH,
    });
    decipher.setAuthTag(sealed.subarray(end));
    const plain = decipher.update(sealed.subarray(NONCE_LENGTH, end));
    return Buffer.concat([plain, decipher.final()]);
  } catch {
    throw bootstrapDamaged("the token does not decrypt them, though they are filed under it");
  } finally {
    key.fill(0);
  }
}

/** Seals a value as K3s does, with a fresh salt and nonce. */
export function sealEnvelope(plain: Uint8Array, password: string): Uint8Array {
  const salt = randomBytes(SALT_BYTES).toString("hex");
  const nonce = randomBytes(NONCE_LENGTH);
  const key = pbkdf2Sync(password, salt, ROUNDS, KEY_LENGTH, "sha1");
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_LENGTH });
  const sealed = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  key.fill(0);
  return new TextEncoder().encode(`${salt}:${sealed.toString("base64")}`);
}
