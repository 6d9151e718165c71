/** Who made an archive: whoever has the recipient can write one that opens, so only the signature tells. */
import { OperatorError } from "../errors.ts";
import { knownPublicKey } from "./signing-key.ts";
import type { Context, Warning } from "./context.ts";
import type { Proof } from "./proof.ts";

/**
 * What should be known of the signature before a restore: none at all, or one by
 * another key than this host's although the archive says it is of this host. A
 * host that never made a backup has no key and cannot tell. A key file that is
 * broken is only told: it must not stand in the way of a restore.
 */
export async function signerWarnings(
  context: Context,
  { manifest, signature }: Pick<Proof, "manifest" | "signature">,
  stateFolder: string,
): Promise<Warning[]> {
  if (signature.state === "unsigned") {
    return [
      {
        code: "UNSIGNED",
        message:
          "the archive is not signed, as every backup is: anyone with its recipient can have made it",
        hint: "go on only when you know where it comes from",
      },
    ];
  }
  const own = await ownKey(stateFolder);
  if (own instanceof OperatorError) return [{ code: own.code, message: own.message }];
  const ours = manifest.host.hostname === context.host.hostname;
  if (own === undefined || !ours || own === signature.publicKey) return [];
  return [
    {
      code: "OTHER_SIGNER",
      message: `the archive says it is of this host, but is signed by ${signature.publicKey}, not by this host's key ${own}`,
      hint: "that is so after this host was reinstalled; otherwise somebody else made it, and it should not be restored",
    },
  ];
}

async function ownKey(stateFolder: string): Promise<string | OperatorError | undefined> {
  try {
    return await knownPublicKey(stateFolder);
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
}
