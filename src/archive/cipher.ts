/**
 * ChaCha20-Poly1305 as age uses it (no associated data), by the fastest engine
 * at hand. No runtime has them all: `node:crypto` knows the cipher in Deno and
 * Node but not in Bun 1.4.5; WebCrypto knows it in Bun and Deno but not in
 * Node 20 (facts/age-sops.md 3). An engine is trusted only after a self-test.
 */
import { createCipheriv, createDecipheriv, getCiphers } from "node:crypto";
import { chacha20poly1305 } from "@noble/ciphers/chacha.js";

/** Bytes of the authentication tag at the end of everything sealed. */
export const TAG_SIZE = 16;

/** In order of preference. */
export const CIPHER_NAMES = ["node", "webcrypto", "noble"] as const;

export type CipherName = (typeof CIPHER_NAMES)[number];

/** A cipher with its key set. Inputs are not changed and must not change until the result is there. */
export interface KeyedCipher {
  /** Ciphertext followed by the tag. */
  seal(nonce: Uint8Array, plaintext: Uint8Array): Promise<Uint8Array>;
  /** The plaintext, or undefined when the tag does not match. */
  open(nonce: Uint8Array, sealed: Uint8Array): Promise<Uint8Array | undefined>;
}

export interface Cipher {
  readonly name: CipherName;
  /** True when it computes on the calling thread: callers must give timers and signals a turn. */
  readonly blocking: boolean;
  /** `key` is 32 bytes and may be wiped as soon as the promise resolves. */
  withKey(key: Uint8Array): Promise<KeyedCipher>;
}

const ALGORITHM = "chacha20-poly1305";

const engines: Record<CipherName, () => Cipher | undefined> = {
  node: nodeCipher,
  webcrypto: webCipher,
  noble: nobleCipher,
};

const tested = new Map<CipherName, Promise<Cipher | undefined>>();

/** The named engine, or undefined when this runtime lacks it or it fails the self-test. */
export function cipherNamed(name: CipherName): Promise<Cipher | undefined> {
  const known = tested.get(name);
  if (known !== undefined) return known;
  const result = trusted(engines[name]);
  tested.set(name, result);
  return result;
}

/** The fastest engine that passes the self-test. Throws a plain Error when none does: a broken build. */
export async function pickCipher(): Promise<Cipher> {
  for (const name of CIPHER_NAMES) {
    const cipher = await cipherNamed(name);
    if (cipher !== undefined) return cipher;
  }
  throw new Error("no ChaCha20-Poly1305 implementation passed its self-test");
}

async function trusted(make: () => Cipher | undefined): Promise<Cipher | undefined> {
  try {
    const cipher = make();
    return cipher !== undefined && (await passesSelfTest(cipher)) ? cipher : undefined;
  } catch {
    // A runtime without the algorithm throws in its own way (TypeError, NotSupportedError): same verdict.
    return undefined;
  }
}

// Key, nonce and text of RFC 8439 section 2.8.2; the tag differs from the RFC's because age has no associated data.
const VECTOR = {
  key: Uint8Array.from({ length: 32 }, (_, index) => 0x80 + index),
  nonce: Uint8Array.from([7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47]),
  plaintext: new TextEncoder().encode(
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
  ),
  sealed:
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116",
  tag: "6a23a4681fd59456aea1d29f82477216",
};

/** Does this engine seal and open the known text exactly, and refuse an altered one? */
export async function passesSelfTest(cipher: Cipher): Promise<boolean> {
  const { key, nonce, plaintext } = VECTOR;
  const expected = Buffer.from(VECTOR.sealed + VECTOR.tag, "hex");
  const keyed = await cipher.withKey(key);
  const sealed = await keyed.seal(nonce, plaintext);
  if (!expected.equals(sealed)) return false;
  const opened = await keyed.open(nonce, expected);
  if (opened === undefined || !Buffer.from(opened).equals(plaintext)) return false;
  const altered = Uint8Array.from(expected);
  altered[3] = (altered[3] ?? 0) ^ 1;
  return (await keyed.open(nonce, altered)) === undefined;
}

function nodeCipher(): Cipher | undefined {
  if (!getCiphers().includes(ALGORITHM)) return undefined;
  const withKey = async (secret: Uint8Array): Promise<KeyedCipher> => {
    const key = Uint8Array.from(secret);
    const options = { authTagLength: TAG_SIZE };
    return {
      async seal(nonce, plaintext) {
        const cipher = createCipheriv(ALGORITHM, key, nonce, options);
        const text = cipher.update(plaintext);
        return Buffer.concat([text, cipher.final(), cipher.getAuthTag()]);
      },
      async open(nonce, sealed) {
        if (sealed.length < TAG_SIZE) return undefined;
        const end = sealed.length - TAG_SIZE;
        const decipher = createDecipheriv(ALGORITHM, key, nonce, options);
        decipher.setAuthTag(sealed.subarray(end));
        const text = decipher.update(sealed.subarray(0, end));
        try {
          decipher.final();
        } catch {
          return undefined;
        }
        return text;
      },
    };
  };
  return { name: "node", blocking: true, withKey };
}

function webCipher(): Cipher {
  const name = "ChaCha20-Poly1305";
  const withKey = async (secret: Uint8Array): Promise<KeyedCipher> => {
    const { subtle } = globalThis.crypto;
    const usages: ("encrypt" | "decrypt")[] = ["encrypt", "decrypt"];
    const key = await subtle.importKey(
      "raw-secret",
      Uint8Array.from(secret),
      { name },
      false,
      usages,
    );
    return {
      async seal(nonce, plaintext) {
        const iv = ownBytes(nonce);
        return new Uint8Array(await subtle.encrypt({ name, iv }, key, ownBytes(plaintext)));
      },
      async open(nonce, sealed) {
        try {
          const iv = ownBytes(nonce);
          return new Uint8Array(await subtle.decrypt({ name, iv }, key, ownBytes(sealed)));
        } catch (error) {
          if (error instanceof DOMException && error.name === "OperationError") return undefined;
          throw error;
        }
      },
    };
  };
  return { name: "webcrypto", blocking: false, withKey };
}

function nobleCipher(): Cipher {
  const withKey = async (secret: Uint8Array): Promise<KeyedCipher> => {
    const key = Uint8Array.from(secret);
    return {
      async seal(nonce, plaintext) {
        return chacha20poly1305(key, nonce).encrypt(plaintext);
      },
      async open(nonce, sealed) {
        try {
          return chacha20poly1305(key, nonce).decrypt(sealed);
        } catch {
          return undefined;
        }
      },
    };
  };
  return { name: "noble", blocking: true, withKey };
}

/** WebCrypto's types refuse views on shared memory; such a view is copied, any other passed as it is. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return isOwn(bytes) ? bytes : Uint8Array.from(bytes);
}

function isOwn(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer;
}
