/** From the bytes of one source to the identities in it. */
import { isLocked, KEY_FILE_LIMIT, unlock } from "./locked-identities.ts";
import { NATIVE_KEY_HINT, parseIdentityLines } from "./identity-lines.ts";
import type { FoundIdentity, KeyProblem, SourceResult } from "./found.ts";

export interface SourceOptions {
  /** E.g. `SOPS_AGE_KEY_FILE (/root/key.txt)`. */
  readonly label: string;
  /** Several keys on a line, separated by spaces: SOPS_AGE_KEY alone has that. */
  readonly manyPerLine?: boolean;
  readonly ask?: ((question: string) => Promise<string>) | undefined;
}

/**
 * Reads one source. One bad line spoils the whole source, as in SOPS: then
 * `failed` says which line, and there are no identities.
 */
export async function parseSource(
  bytes: Uint8Array,
  options: SourceOptions,
): Promise<SourceResult> {
  const { label } = options;
  if (bytes.length > KEY_FILE_LIMIT) {
    return failure(label, { code: "KEY_FILE_INVALID", reason: "is larger than 16 MiB" });
  }
  let text: string;
  if (isLocked(bytes)) {
    const { ask } = options;
    const unlocked = await unlock(bytes, { label, ...(ask === undefined ? {} : { ask }) });
    if (!("text" in unlocked)) return failure(label, unlocked);
    ({ text } = unlocked);
  } else {
    text = new TextDecoder().decode(bytes);
  }
  const lines = await parseIdentityLines(text, { manyPerLine: options.manyPerLine ?? false });
  if (lines.bad !== undefined) {
    const { place, reason, hint } = lines.bad;
    return failure(`${label}`, {
      code: "KEY_FILE_INVALID",
      reason: `${place} ${reason}`,
      ...(hint === undefined ? {} : { hint }),
    });
  }
  const problems: KeyProblem[] = lines.plugins.map(({ name, place }) => ({
    level: "warning",
    code: "KEY_UNSUPPORTED",
    source: label,
    message: `${label} ${place} is a key of the plugin "${name}", which is not supported`,
    hint: NATIVE_KEY_HINT,
  }));
  const identities: FoundIdentity[] = lines.keys.map(({ secret, recipient, kind, place }) => ({
    secret,
    recipient,
    kind,
    source: `${label} ${place}`,
  }));
  return { identities, problems };
}

/** A source of which nothing can be used. */
export function failure(
  label: string,
  why: { readonly code: string; readonly reason: string; readonly hint?: string },
): SourceResult {
  const { code, reason, hint } = why;
  const failed: KeyProblem = {
    level: "warning",
    code,
    source: label,
    message: `${label} ${reason}`,
    ...(hint === undefined ? {} : { hint }),
  };
  return { identities: [], problems: [], failed };
}
