/** The host's Ed25519 key: age says nothing about who wrote a file, the signature does. */
import * as v from "valibot";
import { generateSigningKey } from "../archive/signature.ts";
import { OperatorError } from "../errors.ts";
import { writeFileAtomic } from "../sys/atomic.ts";
import { readTextIfPresent } from "../sys/files.ts";
import { ensurePrivateFolder } from "../sys/private-folder.ts";
import type { SigningKey } from "../archive/signature.ts";

const schema = v.object({ publicKey: v.string(), privateKey: v.string() });

/**
 * Reads `signing-key.json` in the state folder, and makes it (0600) at the first
 * backup. Throws an OperatorError `SIGNING_KEY` when the file is not ours.
 */
export async function loadSigningKey(stateFolder: string): Promise<SigningKey> {
  const path = `${stateFolder}/signing-key.json`;
  const text = await readTextIfPresent(path);
  if (text !== undefined) return parseKey(text, path);
  const key = await generateSigningKey();
  await ensurePrivateFolder(stateFolder);
  await writeFileAtomic(path, `${JSON.stringify(key)}\n`);
  return key;
}

/** The public half of this host's key, or undefined when it never signed. */
export async function knownPublicKey(stateFolder: string): Promise<string | undefined> {
  const text = await readTextIfPresent(`${stateFolder}/signing-key.json`);
  return text === undefined ? undefined : parseKey(text, stateFolder).publicKey;
}

function parseKey(text: string, path: string): SigningKey {
  try {
    return v.parse(schema, JSON.parse(text));
  } catch {
    throw new OperatorError("precondition", "SIGNING_KEY", `${path} is not a signing key of ours`, {
      hint: "move it aside; the next backup makes a new one",
    });
  }
}
