/** Whether values files are still those of a pass, told without giving away what is in them. */
import { createHash, randomBytes, scryptSync, timingSafeEqual } from "node:crypto";

/**
 * A record may become public while the values do not, and a values file in clear
 * text may differ from a guess in one short password only. Salted, so that no
 * table fits; slow and hungry for memory (about 0.1 s and 32 MB each), so that
 * guesses are dear. What SOPS or age encrypted is hashed as it lies there, so
 * nothing of it can be guessed at all.
 */
const COST = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const FORM = /^scrypt-15-8-1\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/;

/** The hash of files in helm's order, as `scrypt-15-8-1$SALT$HASH`. Names do not count: a file may be moved. */
export function hashValues(
  files: readonly Uint8Array[],
  salt: Uint8Array = randomBytes(16),
): string {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  return `scrypt-15-8-1$${text(salt)}$${text(slowHash(files, salt))}`;
}

/** Whether the files are those of `recorded`; false for a record that cannot be read. */
export function sameValues(files: readonly Uint8Array[], recorded: string): boolean {
  const [, salt, hash] = FORM.exec(recorded) ?? [];
  if (salt === undefined || hash === undefined) return false;
  const now = slowHash(files, Buffer.from(salt, "base64url"));
  return timingSafeEqual(now, Buffer.from(hash, "base64url"));
}

function slowHash(files: readonly Uint8Array[], salt: Uint8Array): Uint8Array {
  // Hashed one by one first: where a file ends must count.
  const each = files.map((bytes) => createHash("sha256").update(bytes).digest("hex"));
  return scryptSync(each.join("\n"), salt, 32, COST);
}
