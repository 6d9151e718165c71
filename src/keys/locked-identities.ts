/** Key files that are themselves age files behind a passphrase (`age -p`), as SOPS reads them since 3.11. */
import { Decrypter, armor } from "age-encryption";

/** SOPS and age stop here too (age/encrypted_keys.go). */
export const KEY_FILE_LIMIT = 16 * 1024 * 1024;
/** The age library refuses more: it would take minutes and gigabytes. age's own limit is 22. */
const WORK_FACTOR_LIMIT = 20;

const ARMORED = "-----BEGIN AGE";
const BINARY = "age-encryption";

export type Unlocked =
  | { readonly text: string }
  | { readonly code: string; readonly reason: string; readonly hint?: string };

/** Whether bytes begin like an age file, plain or armored. */
export function isLocked(bytes: Uint8Array): boolean {
  const start = new TextDecoder().decode(bytes.subarray(0, 64)).trimStart();
  return start.startsWith(BINARY) || start.startsWith(ARMORED);
}

/**
 * The text inside a passphrase-protected key file. `ask` gets one question,
 * and must not echo the answer; without it the file stays shut. What goes
 * wrong is returned, not thrown; only what `ask` throws comes through.
 */
export async function unlock(
  bytes: Uint8Array,
  options: { readonly label: string; readonly ask?: (question: string) => Promise<string> },
): Promise<Unlocked> {
  const file = withoutArmor(bytes);
  if (file === undefined) {
    return { code: "KEY_FILE_INVALID", reason: "is a damaged armored age file" };
  }
  const factor = scryptFactor(file);
  if (factor === undefined) {
    return {
      code: "KEY_FILE_INVALID",
      reason: "is an age file without a passphrase, not a key file",
    };
  }
  if (factor > WORK_FACTOR_LIMIT) {
    return {
      code: "KEY_FILE_UNSUPPORTED",
      reason: `is protected with a work factor of ${factor}; at most ${WORK_FACTOR_LIMIT} is supported`,
      hint: "decrypt it with age and protect it again with age -p",
    };
  }
  if (options.ask === undefined) {
    return {
      code: "KEY_FILE_LOCKED",
      reason: "is protected by a passphrase, and there is no terminal to ask for it",
      hint: "run this on a terminal, or give a key that needs no passphrase",
    };
  }
  const passphrase = await options.ask(`Passphrase for ${options.label}: `);
  if (passphrase === "") {
    return { code: "KEY_FILE_LOCKED", reason: "stays locked, because no passphrase was given" };
  }
  return decrypt(file, passphrase);
}

async function decrypt(file: Uint8Array, passphrase: string): Promise<Unlocked> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    await decrypter.decryptHeader(file);
  } catch {
    return { code: "KEY_FILE_LOCKED", reason: "did not open with this passphrase" };
  }
  try {
    return { text: await decrypter.decrypt(file, "text") };
  } catch {
    return {
      code: "KEY_FILE_INVALID",
      reason: "is damaged: it opens, but cannot be read to its end",
    };
  }
}

function withoutArmor(bytes: Uint8Array): Uint8Array | undefined {
  const text = new TextDecoder().decode(bytes).trimStart();
  if (!text.startsWith(ARMORED)) return bytes;
  try {
    return armor.decode(text);
  } catch {
    return undefined;
  }
}

/** log2 of the scrypt work factor in the header; undefined when no passphrase opens the file. */
function scryptFactor(file: Uint8Array): number | undefined {
  const header = new TextDecoder().decode(file.subarray(0, 512));
  const factor = /^age-encryption\.org\/v1\n-> scrypt [^ \n]+ ([1-9][0-9]?)\n/.exec(header)?.[1];
  return factor === undefined ? undefined : Number(factor);
}
