/** The identities a read-only command tries, as SOPS would find them. */
import { OperatorError } from "../errors.ts";
import { discoverIdentities } from "../keys/identities.ts";
import { keyWarnings } from "./key-problems.ts";
import type { FoundIdentities } from "../keys/found.ts";
import type { Context } from "./context.ts";

/**
 * Every identity found on this host and in `identityFiles`. Problems with
 * single sources become warnings. Throws an OperatorError `NO_IDENTITY`, exit
 * key, when there is none at all.
 */
export async function foundKeys(
  context: Context,
  identityFiles: readonly string[],
): Promise<FoundIdentities> {
  const { host, talk, ask } = context;
  const found = await discoverIdentities(host, { files: identityFiles, ask });
  for (const warning of keyWarnings(context, found)) talk({ type: "warning", ...warning });
  if (found.identities.length > 0) return found;
  throw new OperatorError("key", "NO_IDENTITY", "there is no age key to open an archive with", {
    hint: `give one with -i FILE; looked at: ${found.places.join(", ")}`,
  });
}

/** Their secret key strings alone. Throws as `foundKeys`. */
export async function openingKeys(
  context: Context,
  identityFiles: readonly string[],
): Promise<string[]> {
  return secretsOf(await foundKeys(context, identityFiles));
}

/** The secret key strings, never to be printed. */
export function secretsOf({ identities }: FoundIdentities): string[] {
  return identities.map(({ secret }) => secret);
}
