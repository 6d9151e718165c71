/** The proof, before any data is read, that somebody here can open what is about to be written. */
import { OperatorError } from "../errors.ts";
import { opensSample, sampleFor } from "./native.ts";
import type { FoundIdentities, FoundIdentity } from "./found.ts";

export interface ProveOptions {
  readonly recipients: readonly string[];
  readonly identities: FoundIdentities;
  /** This host keeps no secret key, on purpose: then nothing has to open. */
  readonly writeOnly?: boolean;
}

export interface Proof {
  /** The identities that opened a real age file for the recipients; empty only with `writeOnly`. */
  readonly openedBy: readonly FoundIdentity[];
}

/**
 * Encrypts an empty file for the recipients and opens it with each identity
 * (1.7 ms a classic key, 12 ms a post-quantum one; facts/age-sops.md 1).
 * Throws an OperatorError (exit `key`, `KEY_DOES_NOT_OPEN`) when none does,
 * unless `writeOnly`.
 */
export async function proveOpens(options: ProveOptions): Promise<Proof> {
  const { recipients, identities } = options;
  let sample: Uint8Array;
  try {
    sample = await sampleFor(recipients);
  } catch (error) {
    if (recipients.length === 0) throw error;
    // Right checksum, but no usable point on the curve (all zeros, say).
    throw new OperatorError(
      "key",
      "RECIPIENT_INVALID",
      "one of the recipients cannot be encrypted to",
      {
        hint: "compare the recipients with what age-keygen -y prints",
      },
    );
  }
  const openedBy: FoundIdentity[] = [];
  for (const identity of identities.identities) {
    if (await opensSample(sample, identity.secret)) openedBy.push(identity);
  }
  if (openedBy.length === 0 && options.writeOnly !== true) throw doesNotOpen(identities);
  return { openedBy };
}

function doesNotOpen(identities: FoundIdentities): OperatorError {
  const count = identities.identities.length;
  const tried =
    count === 1
      ? "the secret key found here does not open"
      : `none of the ${count} secret keys found here opens`;
  const message =
    count === 0
      ? "no secret key was found here that could open the backup"
      : `${tried} what is encrypted for these recipients`;
  const troubles = identities.problems.map((problem) => problem.message);
  const hint = [
    `looked at: ${identities.places.join("; ")}`,
    ...(troubles.length === 0 ? [] : [`found but not usable: ${troubles.join("; ")}`]),
    "give the matching key with -i, or say that this host only writes backups: --write-only",
  ].join("\n");
  return new OperatorError("key", "KEY_DOES_NOT_OPEN", message, { hint });
}
