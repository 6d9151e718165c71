/**
 * Recipients and identities as text: what kind they are, and whether we can use
 * them. Guards the sharp edges of age-encryption (facts/age-sops.md 5): it
 * encrypts to nobody, mixes post-quantum with classic recipients, and prints a
 * mistyped secret key in its error, so its errors are never passed on.
 */
import { Decrypter, Encrypter, identityToRecipient } from "age-encryption";
import { OperatorError } from "../errors.ts";

export type RecipientKind =
  | { readonly kind: "x25519" | "post-quantum" | "ssh" | "invalid" }
  /** `age1NAME1…`: needs the program `age-plugin-NAME`. */
  | { readonly kind: "plugin"; readonly name: string };

// Bech32: the part before the last "1" is the plugin's name, the rest data of at least the checksum's length.
const PLUGIN = /^age1([a-z0-9+._-]*[a-z+._-][a-z0-9+._-]*)1[02-9ac-hj-np-z]{6,}$/;

/** What kind of recipient a text is. Native ones are checked in full, checksum included. */
export function recipientKind(text: string): RecipientKind {
  if (/^ssh-(ed25519|rsa) \S/.test(text)) return { kind: "ssh" };
  const name = PLUGIN.exec(text)?.[1];
  if (name !== undefined && name !== "pq") return { kind: "plugin", name };
  if (!text.startsWith("age1")) return { kind: "invalid" };
  try {
    new Encrypter().addRecipient(text);
    return { kind: text.startsWith("age1pq1") ? "post-quantum" : "x25519" };
  } catch {
    return { kind: "invalid" };
  }
}

/**
 * The recipients without repetitions. Throws an OperatorError with exit `key`:
 * `NO_RECIPIENTS`, `RECIPIENT_INVALID`, `RECIPIENT_UNSUPPORTED` (SSH, plugins),
 * `RECIPIENTS_MIXED` (post-quantum with classic).
 */
export function checkedRecipients(recipients: readonly string[]): string[] {
  if (recipients.length === 0) {
    throw new OperatorError("key", "NO_RECIPIENTS", "there is no recipient to encrypt to", {
      hint: "name at least one age recipient; without one nobody could ever open the archive",
    });
  }
  const kinds = new Set(recipients.map((recipient, at) => usableKind(recipient, at)));
  if (kinds.size > 1) {
    throw new OperatorError(
      "key",
      "RECIPIENTS_MIXED",
      "post-quantum recipients (age1pq1…) cannot be mixed with classic ones (age1…)",
      { hint: "use one kind only: a classic recipient would undo the post-quantum protection" },
    );
  }
  return [...new Set(recipients)];
}

/**
 * The identities as they are. Throws an OperatorError with exit `key`:
 * `NO_IDENTITY`, or `IDENTITY_INVALID` with its place in the list, never its text.
 */
export function checkedIdentities(identities: readonly string[]): readonly string[] {
  if (identities.length === 0) {
    throw new OperatorError(
      "key",
      "NO_IDENTITY",
      "there is no identity (secret key) to open the archive with",
      {
        hint: "give a key file with an AGE-SECRET-KEY line",
      },
    );
  }
  for (const [at, identity] of identities.entries()) {
    try {
      new Decrypter().addIdentity(identity);
    } catch {
      throw invalidIdentity(`identity ${at + 1} of ${identities.length}`);
    }
  }
  return identities;
}

/** The public recipient of a native identity. Throws an OperatorError `IDENTITY_INVALID` (exit `key`). */
export async function recipientOf(identity: string): Promise<string> {
  try {
    return await identityToRecipient(identity);
  } catch {
    throw invalidIdentity("the identity");
  }
}

function usableKind(recipient: string, at: number): "x25519" | "post-quantum" {
  const found = recipientKind(recipient);
  switch (found.kind) {
    case "x25519":
    case "post-quantum":
      return found.kind;
    case "ssh":
      throw unsupported(`${brief(recipient)} is an SSH key`);
    case "plugin":
      throw unsupported(`${brief(recipient)} needs the plugin age-plugin-${found.name}`);
    case "invalid":
      throw new OperatorError(
        "key",
        "RECIPIENT_INVALID",
        `recipient ${at + 1} is not a valid age recipient`,
        {
          hint: "a recipient is one line that starts with age1; check it for missing characters",
        },
      );
  }
}

function unsupported(what: string): OperatorError {
  return new OperatorError(
    "key",
    "RECIPIENT_UNSUPPORTED",
    `the recipient ${what}, which cannot be used here`,
    {
      hint: "use a native age recipient: age-keygen makes a key and prints it",
    },
  );
}

function invalidIdentity(which: string): OperatorError {
  return new OperatorError("key", "IDENTITY_INVALID", `${which} is not a valid age secret key`, {
    hint: "look for missing or changed characters in the key file; its text is not shown here on purpose",
  });
}

function brief(recipient: string): string {
  return recipient.length <= 24 ? recipient : `${recipient.slice(0, 14)}…${recipient.slice(-4)}`;
}
