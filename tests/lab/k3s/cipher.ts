/**
 * Sealing of the bootstrap data with the token (k3s.md 2.2), written apart from
 * the tool's own so that each checks the other.
 */
import { createCipheriv, createDecipheriv, pbkdf2Sync, randomBytes } from "node:crypto";

const NONCE = 12;
const TAG = 16;

/** `salt:base64(nonce|ciphertext|tag)`; the salt's hex text itself is what goes into PBKDF2. */
export function seal(password: string, plain: string): string {
  const salt = randomBytes(8).toString("hex");
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", keyOf(password, salt), nonce);
  const sealed = Buffer.concat([nonce, cipher.update(plain, "utf8"), cipher.final()]);
  return `${salt}:${Buffer.concat([sealed, cipher.getAuthTag()]).toString("base64")}`;
}

/** Undoes `seal`; throws when the password is another one. */
export function unseal(password: string, value: string): string {
  const [salt = "", text = ""] = value.split(":", 2);
  const sealed = Buffer.from(text, "base64");
  const decipher = createDecipheriv(
    "aes-256-gcm",
    keyOf(password, salt),
    sealed.subarray(0, NONCE),
  );
  decipher.setAuthTag(sealed.subarray(-TAG));
  return Buffer.concat([
    decipher.update(sealed.subarray(NONCE, -TAG)),
    decipher.final(),
  ]).toString();
}

function keyOf(password: string, salt: string): Buffer {
  return pbkdf2Sync(password, salt, 4096, 32, "sha1");
}
