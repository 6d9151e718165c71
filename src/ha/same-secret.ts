/** Whether two secrets are equal, without comparing them in the clear. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * Compares by a hash with a salt that nobody learns: neither the secrets nor
 * anything that could be looked up later leaves this function.
 */
export function sameSecret(left: Uint8Array | string, right: Uint8Array | string): boolean {
  const salt = randomBytes(32);
  const hash = (secret: Uint8Array | string): Uint8Array =>
    createHmac("sha256", salt).update(secret).digest();
  return timingSafeEqual(hash(left), hash(right));
}
