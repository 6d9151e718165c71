/**
 * Values that SOPS encrypted, opened in memory: data key by age, scalars by
 * AES-256-GCM, and the file's MAC, so that nothing of it was changed, added or
 * taken away (sops v3.13.3 sops.go Decrypt).
 */
import { BLOCK, dataKey, metadataOf } from "./sops-metadata.ts";
import { Opener } from "./sops-opener.ts";
import { isSealedText } from "./sops-scalar.ts";
import type { MapNode, ValueNode } from "./value-node.ts";

export { isSops } from "./sops-metadata.ts";

export interface SopsOpened {
  /** Without the `sops` block; what was encrypted is marked secret, or sealed without a key. */
  readonly root: MapNode;
  /** False when no identity at hand opens it. */
  readonly opened: boolean;
  /** The recipients it is encrypted for, for "give the key of one of …". */
  readonly recipients: readonly string[];
}

/**
 * Opens a file read in SOPS's dialect, or seals it when no identity fits. Throws
 * OperatorErrors, exit verifyFailed: `SOPS_MAC_MISMATCH`, `SOPS_DAMAGED`; exit
 * usage `SOPS_UNSUPPORTED` (key groups). None of them quotes the file.
 */
export async function openSops(root: MapNode, identities: readonly string[]): Promise<SopsOpened> {
  const { file } = root.at;
  const metadata = metadataOf(root);
  const recipients = metadata.age.map(({ recipient }) => recipient);
  const content: MapNode = {
    ...root,
    entries: new Map([...root.entries].filter(([key]) => key !== BLOCK)),
  };
  const key = await dataKey(metadata, identities);
  if (key === undefined) return { root: sealAll(content), opened: false, recipients };
  const opener = new Opener(key, metadata);
  try {
    const opened = opener.map(content, []);
    opener.checkMac(file);
    return { root: opened, opened: true, recipients };
  } finally {
    key.fill(0);
  }
}

/** Without a key every encrypted scalar still counts as present. */
function sealAll(node: MapNode): MapNode {
  const seal = (inner: ValueNode): ValueNode => {
    switch (inner.kind) {
      case "sealed":
        return inner;
      case "map":
        return sealAll(inner);
      case "list":
        return { ...inner, items: inner.items.map(seal) };
      case "scalar":
        return typeof inner.value === "string" && isSealedText(inner.value)
          ? { kind: "sealed", at: inner.at }
          : inner;
    }
  };
  return { ...node, entries: new Map([...node.entries].map(([key, inner]) => [key, seal(inner)])) };
}
