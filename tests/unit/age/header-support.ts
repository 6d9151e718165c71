/** The keys that the tests of a header share. */
import { generateHybridIdentity, generateX25519Identity } from "age-encryption";
import { recipientOf } from "../../../src/archive/age.ts";

export const identity = await generateX25519Identity();

export const other = await generateX25519Identity();

export const hybrid = await generateHybridIdentity();

export const recipient = await recipientOf(identity);

export const hybridRecipient = await recipientOf(hybrid);

/** The key with one character changed, as a typo would. */
export function mistyped(key: string, at: number): string {
  return key.slice(0, at) + (key[at] === "Q" ? "P" : "Q") + key.slice(at + 1);
}
