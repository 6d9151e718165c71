/** The `sops` block of a file: recipients, MAC, and the data key, opened by age. */
import { Decrypter, armor } from "age-encryption";
import * as v from "valibot";
import { OperatorError } from "../errors.ts";
import { nodeAt, plainOf } from "./value-node.ts";
import type { MapNode } from "./value-node.ts";

export const BLOCK = "sops";
const text = v.nullish(v.string(), "");
const Metadata = v.object({
  age: v.nullish(v.array(v.object({ recipient: text, enc: text })), []),
  key_groups: v.nullish(v.array(v.unknown()), []),
  lastmodified: text,
  mac: text,
  mac_only_encrypted: v.nullish(v.boolean(), false),
});
export type Metadata = v.InferOutput<typeof Metadata>;

const KEY_LENGTH = 32;

/** Whether a file has been through SOPS: it has its block with a MAC. */
export function isSops(root: MapNode): boolean {
  const mac = nodeAt(root, [BLOCK, "mac"]);
  return mac?.kind === "scalar" && typeof mac.value === "string";
}

/** Throws OperatorErrors `SOPS_DAMAGED`, `SOPS_UNSUPPORTED`. */
export function metadataOf(root: MapNode): Metadata {
  const { file } = root.at;
  const block = nodeAt(root, [BLOCK]);
  const parsed = v.safeParse(Metadata, block === undefined ? undefined : plainOf(block));
  const line = block?.at.line ?? 1;
  if (!parsed.success) throw damaged(`${file}:${line} has a sops block that cannot be read`);
  if (parsed.output.key_groups.length > 1) {
    throw new OperatorError(
      "usage",
      "SOPS_UNSUPPORTED",
      `${file}:${line} needs keys of more than one SOPS key group, which cannot be opened here`,
      { hint: `decrypt it into a private place first: sops decrypt ${file}` },
    );
  }
  return parsed.output;
}

/** The 32 bytes that every scalar is encrypted with; SOPS keeps them once for each recipient. */
export async function dataKey(
  { age }: Metadata,
  identities: readonly string[],
): Promise<Uint8Array | undefined> {
  if (identities.length === 0) return undefined;
  for (const { enc } of age) {
    try {
      const decrypter = new Decrypter();
      for (const identity of identities) decrypter.addIdentity(identity);
      const key = await decrypter.decrypt(armor.decode(enc));
      if (key.length === KEY_LENGTH) return key;
    } catch {
      // Not for us, or damaged: another entry may open. Its error could hold key text.
    }
  }
  return undefined;
}

/** The error for what does not open as SOPS wrote it. */
export function damaged(what: string): OperatorError {
  return new OperatorError("verifyFailed", "SOPS_DAMAGED", what, {
    hint: "take the file from version control again; sops decrypt says more",
  });
}
