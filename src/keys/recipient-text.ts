/** One recipient, as text: which kind it is, and whether we can encrypt to it. */
import { isValidRecipient } from "./native.ts";
import type { KeyKind } from "./found.ts";

/** A recipient and where it was written, e.g. `-r`, `SOPS_AGE_RECIPIENTS item 2`, `/etc/keys.txt line 3`. */
export interface WrittenRecipient {
  readonly text: string;
  readonly where: string;
}

export type CheckedRecipient =
  | { readonly ok: true; readonly kind: KeyKind }
  | { readonly ok: false; readonly code: string; readonly reason: string; readonly hint?: string };

/**
 * Tells what a recipient is. `reason` completes a sentence that begins with
 * where it was found; it repeats the text only when that surely is a public key.
 */
export function checkRecipient(text: string): CheckedRecipient {
  if (text === "") {
    return {
      ok: false,
      code: "RECIPIENT_INVALID",
      reason: "is empty",
      hint: "remove the stray comma",
    };
  }
  if (/^AGE-(SECRET|PLUGIN)/i.test(text)) {
    return {
      ok: false,
      code: "RECIPIENT_INVALID",
      reason: "is a secret key where a public one (age1…) is expected",
      hint: "age-keygen -y prints the public key; treat the secret one as exposed if others could see it here",
    };
  }
  const unsupported = unsupportedKind(text);
  if (unsupported !== undefined) {
    return {
      ok: false,
      code: "RECIPIENT_UNSUPPORTED",
      reason: `is ${unsupported}, which is not supported`,
      hint: "use a native age recipient: age1… or age1pq1…, made with age-keygen",
    };
  }
  if (!isValidRecipient(text)) {
    const shown = text.startsWith("age1") ? ` "${shorten(text)}"` : "";
    return {
      ok: false,
      code: "RECIPIENT_INVALID",
      reason: `is not a valid age recipient${shown}`,
      hint: "a recipient is age1… in lower case; compare it with what age-keygen -y prints",
    };
  }
  return { ok: true, kind: text.startsWith("age1pq1") ? "post-quantum" : "x25519" };
}

/** The name of a recipient kind that SOPS or age know and we do not. */
function unsupportedKind(text: string): string | undefined {
  const ssh = /^(ssh-[a-z0-9]{1,20}|ecdsa-[a-z0-9-]{1,30}|sk-[a-z0-9@.-]{1,40})(\s|$)/.exec(
    text,
  )?.[1];
  if (ssh !== undefined) return `an SSH key (${ssh})`;
  if (text.startsWith("age1pq1")) return undefined;
  // SOPS takes any other age1NAME1… for a plugin's; age 1.3 knows these two itself.
  const name = /^age1([a-z0-9+._-]{1,40})1[02-9ac-hj-np-z]*$/.exec(text)?.[1];
  if (name === undefined) return undefined;
  if (name === "tag" || name === "tagpq") return `a tagged recipient (age1${name})`;
  return `a recipient of the plugin "${name}"`;
}

/** Post-quantum recipients are 1,959 characters long: too much for a sentence. */
function shorten(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 40)}…${text.slice(-10)}`;
}
