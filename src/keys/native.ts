/** The native age keys, as the age library knows them: what a secret key's recipient is, and whether a key opens a header. */
import { Decrypter, Encrypter, identityToRecipient } from "age-encryption";
import type { KeyKind } from "./found.ts";

export interface NativeIdentity {
  readonly recipient: string;
  readonly kind: KeyKind;
}

/** The recipient of a secret key, or undefined when the text is none. */
export async function nativeIdentity(secret: string): Promise<NativeIdentity | undefined> {
  const kind: KeyKind | undefined = secret.startsWith("AGE-SECRET-KEY-PQ-1")
    ? "post-quantum"
    : secret.startsWith("AGE-SECRET-KEY-1")
      ? "x25519"
      : undefined;
  if (kind === undefined) return undefined;
  try {
    return { recipient: await identityToRecipient(secret), kind };
  } catch {
    // The library's message holds the whole secret key (facts/age-sops.md 5): it must not get out.
    return undefined;
  }
}

/** Whether the age library can encrypt to this recipient: prefix, length and checksum are right. */
export function isValidRecipient(recipient: string): boolean {
  try {
    new Encrypter().addRecipient(recipient);
    return true;
  } catch {
    return false;
  }
}

/** The header (and an empty payload) of an age file for `recipients`. Throws when one of them is no point to encrypt to. */
export async function sampleFor(recipients: readonly string[]): Promise<Uint8Array> {
  if (recipients.length === 0) throw new TypeError("cannot encrypt to nobody");
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter.encrypt(new Uint8Array(0));
}

/** Whether `secret` opens an age file, proven by decrypting it. */
export async function opensSample(sample: Uint8Array, secret: string): Promise<boolean> {
  try {
    const decrypter = new Decrypter();
    decrypter.addIdentity(secret);
    return (await decrypter.decrypt(sample)).length === 0;
  } catch {
    return false;
  }
}
