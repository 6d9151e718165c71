/** Server tokens: `K10<hash of the CA>::<user>:<password>`, or the bare password. */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

export interface Token {
  readonly hash: string | undefined;
  readonly user: string | undefined;
  readonly password: string;
}

/** Takes a token apart; white space around it does not count (k3s-observed.md 9.7). */
export function parseToken(text: string): Token {
  const trimmed = text.trim();
  const [, hash, user, password] = /^K10([^:]*)::([^:]*):([\s\S]*)$/.exec(trimmed) ?? [];
  if (hash === undefined || password === undefined) {
    return { hash: undefined, user: undefined, password: trimmed };
  }
  return { hash, user, password };
}

/** The full form for a file; with the hash of the server CA as it lies on disk. */
export function formatToken(user: string, password: string, caFile: string): string {
  return `K10${caHash(readFileSync(caFile))}::${user}:${password}`;
}

export function caHash(bundle: Uint8Array): string {
  return createHash("sha256").update(bundle).digest("hex");
}

/** 16 random bytes in hex: what K3s takes when nobody gave it a token. */
export function randomToken(): string {
  return randomBytes(16).toString("hex");
}

/** The first 12 hex of a password's SHA-256: the name of the bootstrap key. */
export function tokenHash(password: string): string {
  return createHash("sha256").update(password).digest("hex").slice(0, 12);
}
