/** One encrypted scalar of SOPS: AES-256-GCM, bound to its path (sops v3.13.3 aes/cipher.go). */
import { createDecipheriv } from "node:crypto";

export interface SopsValue {
  readonly value: string | number | boolean;
  /** What goes into the file's MAC. */
  readonly bytes: Uint8Array;
}

const SEALED =
  /^ENC\[AES256_GCM,data:([A-Za-z0-9+/=]*),iv:([A-Za-z0-9+/=]+),tag:([A-Za-z0-9+/=]+),type:(str|int|float|bool|bytes|time|comment)\]$/;
const TAG_LENGTH = 16;

/** Whether a text is a scalar as SOPS encrypts it. */
export function isSealedText(text: string): boolean {
  return SEALED.test(text);
}

/**
 * Decrypts with the file's data key (32 bytes). `additional` is what it is bound
 * to: the keys of its path, each with a colon. Undefined when the key is another
 * one, or the text was changed or moved.
 */
export function openSopsValue(
  text: string,
  options: { readonly key: Uint8Array; readonly additional: string },
): SopsValue | undefined {
  const match = SEALED.exec(text);
  if (match === null) return undefined;
  const [, data = "", iv = "", tag = "", type = ""] = match;
  const tagBytes = Buffer.from(tag, "base64");
  // Node takes shorter tags too, and those can be guessed.
  if (tagBytes.length !== TAG_LENGTH) return undefined;
  const nonce = Buffer.from(iv, "base64");
  let bytes: Uint8Array;
  try {
    const decipher = createDecipheriv("aes-256-gcm", options.key, nonce, {
      authTagLength: TAG_LENGTH,
    });
    decipher.setAAD(Buffer.from(options.additional, "utf8"));
    decipher.setAuthTag(tagBytes);
    bytes = Buffer.concat([decipher.update(Buffer.from(data, "base64")), decipher.final()]);
  } catch {
    return undefined;
  }
  const plain = new TextDecoder().decode(bytes);
  return { value: typed(plain, type), bytes };
}

/** The text as SOPS wrote it, in its own type: a value `True` of type bool is true. */
function typed(text: string, type: string): string | number | boolean {
  if (type === "int" || type === "float") {
    const number = Number(text);
    return Number.isFinite(number) ? number : text;
  }
  return type === "bool" ? /^(?:1|t|true)$/i.test(text) : text;
}
