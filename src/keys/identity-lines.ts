/** The lines of an age key file: which are secret keys, which cannot be used, and which is wrong. */
import { nativeIdentity } from "./native.ts";
import type { KeyKind } from "./found.ts";

export interface IdentityLine {
  readonly secret: string;
  readonly recipient: string;
  readonly kind: KeyKind;
  /** `line 3`, or `line 1, key 2` where a line may hold several. */
  readonly place: string;
}

export interface IdentityLines {
  readonly keys: readonly IdentityLine[];
  /** `AGE-PLUGIN-…` lines: the plugin's name and where. */
  readonly plugins: readonly { readonly name: string; readonly place: string }[];
  /** The first line that is wrong: then SOPS uses nothing of the source, and neither do we. Holds no key text. */
  readonly bad?: { readonly place: string; readonly reason: string; readonly hint?: string };
}

/**
 * Reads key lines: blank lines and `#` lines are skipped. With `manyPerLine`
 * (SOPS_AGE_KEY only) a line may hold several keys, separated by spaces.
 */
export async function parseIdentityLines(
  text: string,
  options: { readonly manyPerLine: boolean },
): Promise<IdentityLines> {
  const keys: IdentityLine[] = [];
  const plugins: { name: string; place: string }[] = [];
  for (const [index, raw] of text.split("\n").entries()) {
    // SOPS drops only a CR and fails on any other space around a key; we trim (also a byte order mark).
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    const words = options.manyPerLine ? line.split(/\s+/) : [line];
    for (const [position, word] of words.entries()) {
      const place = `line ${index + 1}${words.length > 1 ? `, key ${position + 1}` : ""}`;
      const plugin = pluginName(word);
      if (plugin !== undefined) {
        plugins.push({ name: plugin, place });
        continue;
      }
      const native = await nativeIdentity(word);
      if (native === undefined) return { keys: [], plugins, bad: { place, ...whatItIs(word) } };
      keys.push({ secret: word, ...native, place });
    }
  }
  return { keys, plugins };
}

/** The name in `AGE-PLUGIN-NAME-1…`; undefined when the text is no plugin identity. */
function pluginName(text: string): string | undefined {
  return /^AGE-PLUGIN-([A-Z0-9+._-]{1,40}?)-1/.exec(text)?.[1]?.toLowerCase();
}

/** Why a line is no secret key, told without repeating any of it. */
function whatItIs(text: string): { reason: string; hint?: string } {
  if (/^-----BEGIN [A-Z ]*PRIVATE KEY/.test(text)) {
    return { reason: "begins an SSH private key, which is not supported", hint: NATIVE_KEY_HINT };
  }
  if (text.startsWith("AGE-SECRET-KEY-")) {
    return {
      reason: "is not a valid age secret key (mistyped or cut short)",
      hint: "copy the key again from where it is kept; it is not shown here because it is secret",
    };
  }
  if (text.startsWith("age1")) {
    return { reason: "is a public key (age1…) where a secret key is expected" };
  }
  return { reason: "is not an age secret key" };
}

/** What to do instead of an SSH or plugin key. */
export const NATIVE_KEY_HINT =
  "use a native age key (AGE-SECRET-KEY-1…, made with age-keygen) and add its public key to the recipients";
