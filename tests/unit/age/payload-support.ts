/** The key, and the ciphers of this runtime, that the tests of a payload share. */
import { generateX25519Identity } from "age-encryption";
import { inspectHeader, recipientOf } from "../../../src/archive/age.ts";

export const identity = await generateX25519Identity();

export const recipient = await recipientOf(identity);

/** The file with the bits of `mask` turned over in one byte. */
export function damage(file: Uint8Array, at: number, mask = 1): Uint8Array {
  const altered = Uint8Array.from(file);
  altered[at] = (altered[at] ?? 0) ^ mask;
  return altered;
}

/** How many bytes the header of an age file takes, nonce left out. */
export function headerSizeOf(file: Uint8Array): number {
  return inspectHeader(file).headerSize;
}
