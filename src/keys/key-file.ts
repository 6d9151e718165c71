/** Reading a file that may hold secret keys: what it contains, or why not, in words that leak nothing. */
import { resolve } from "node:path";
import { systemCode } from "../errors.ts";
import { readBytesIfPresent, statOf } from "../sys/files.ts";
import { KEY_FILE_LIMIT } from "./locked-identities.ts";

export type KeyFile =
  | {
      readonly state: "read";
      readonly bytes: Uint8Array;
      /** Permission bits when others may read or write it. */ readonly looseMode?: number;
    }
  | { readonly state: "missing" }
  | { readonly state: "unreadable"; readonly reason: string };

/** Reads a key file of at most 16 MiB. Pipes work (`/dev/fd/63` of a shell's `<(…)`). */
export async function readKeyFile(path: string): Promise<KeyFile> {
  try {
    const info = await statOf(path);
    if (info === undefined) return { state: "missing" };
    if (info.isDirectory()) return { state: "unreadable", reason: "is a folder" };
    if (info.size > KEY_FILE_LIMIT) {
      return { state: "unreadable", reason: "is larger than 16 MiB, so it is no key file" };
    }
    const bytes = await readBytesIfPresent(path);
    if (bytes === undefined) return { state: "missing" };
    const mode = info.mode & 0o777;
    const loose = info.isFile() && (mode & 0o077) !== 0;
    return { state: "read", bytes, ...(loose ? { looseMode: mode } : {}) };
  } catch (error) {
    return { state: "unreadable", reason: unreadableReason(systemCode(error)) };
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: "may not be read by this user",
  EPERM: "may not be read by this user",
  ELOOP: "is a symbolic link that points to itself",
  ENAMETOOLONG: "has a name that is too long",
};

function unreadableReason(code: string | undefined): string {
  return REASONS[code ?? ""] ?? `cannot be read (${code ?? "unknown reason"})`;
}

const KEY_TEXT = /AGE-(SECRET|PLUGIN)|[A-Z0-9]{24,}/;

/**
 * A path fit for a message. A key given where a path belongs
 * (`-i AGE-SECRET-KEY-…`) must not be printed, not even mistyped, so long runs
 * of capitals and digits (without a slash: of any letters) are left out.
 */
export function shownPath(path: string): string {
  const key = path.includes("/") ? KEY_TEXT : new RegExp(KEY_TEXT, "i");
  const looksLikeKey = key.test(path);
  return looksLikeKey ? "not shown: it looks like a key, not a path" : path;
}

/** An absolute path; relative ones count from `workingDirectory`. */
export function absolutePath(path: string, workingDirectory: string | undefined): string {
  return workingDirectory === undefined ? resolve(path) : resolve(workingDirectory, path);
}
