/**
 * Values that SOPS encrypted, opened in memory: data key by age, scalars by
 * AES-256-GCM, and the file's MAC, so that nothing of it was changed, added or
 * taken away (sops v3.13.3 sops.go Decrypt).
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { Decrypter, armor } from "age-encryption";
import * as v from "valibot";
import { OperatorError } from "../errors.ts";
import { isSealedText, openSopsValue } from "./sops-scalar.ts";
import { goNumberText } from "./yaml-scalar.ts";
import { nodeAt, plainOf, printPath } from "./value-node.ts";
import type { Hash } from "node:crypto";
import type { MapNode, Scalar, ValueNode } from "./value-node.ts";

export interface SopsOpened {
  /** Without the `sops` block; what was encrypted is marked secret, or sealed without a key. */
  readonly root: MapNode;
  /** False when no identity at hand opens it. */
  readonly opened: boolean;
  /** The recipients it is encrypted for, for "give the key of one of …". */
  readonly recipients: readonly string[];
}

const BLOCK = "sops";
const text = v.nullish(v.string(), "");
const Metadata = v.object({
  age: v.nullish(v.array(v.object({ recipient: text, enc: text })), []),
  key_groups: v.nullish(v.array(v.unknown()), []),
  lastmodified: text,
  mac: text,
  mac_only_encrypted: v.nullish(v.boolean(), false),
});
type Metadata = v.InferOutput<typeof Metadata>;

/** So that a MAC over encrypted values only never equals one over all (sops.go MACOnlyEncryptedInitialization). */
const ONLY_ENCRYPTED = Buffer.from(
  "8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69",
  "hex",
);
const KEY_LENGTH = 32;

/** Whether a file has been through SOPS: it has its block with a MAC. */
export function isSops(root: MapNode): boolean {
  const mac = nodeAt(root, [BLOCK, "mac"]);
  return mac?.kind === "scalar" && typeof mac.value === "string";
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

function metadataOf(root: MapNode): Metadata {
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
async function dataKey(
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

class Opener {
  readonly #key: Uint8Array;
  readonly #metadata: Metadata;
  readonly #hash: Hash;

  constructor(key: Uint8Array, metadata: Metadata) {
    this.#key = key;
    this.#metadata = metadata;
    this.#hash = createHash("sha512");
    if (metadata.mac_only_encrypted) this.#hash.update(ONLY_ENCRYPTED);
  }

  map(node: MapNode, path: readonly string[]): MapNode {
    const entries = new Map<string, ValueNode>();
    for (const [key, inner] of node.entries) entries.set(key, this.#open(inner, [...path, key]));
    return { ...node, entries };
  }

  #open(node: ValueNode, path: readonly string[]): ValueNode {
    switch (node.kind) {
      case "sealed":
        return node;
      case "map":
        return this.map(node, path);
      case "list":
        // Items are bound to the path of their list.
        return { ...node, items: node.items.map((item) => this.#open(item, path)) };
      case "scalar": {
        const { value } = node;
        if (typeof value !== "string" || !isSealedText(value)) {
          this.#addPlain(value);
          return node;
        }
        const opened = openSopsValue(value, { key: this.#key, additional: `${path.join(":")}:` });
        if (opened === undefined) {
          throw damaged(
            `${node.at.file}:${node.at.line} (${printPath(path)}) was changed or moved`,
          );
        }
        this.#hash.update(opened.bytes);
        return { ...node, value: opened.value, secret: true };
      }
    }
  }

  #addPlain(value: Scalar): void {
    if (this.#metadata.mac_only_encrypted || value === null) return;
    this.#hash.update(macText(value));
  }

  /** The MAC is itself encrypted, bound to the time of the last change. */
  checkMac(file: string): void {
    const { mac, lastmodified } = this.#metadata;
    const wanted = openSopsValue(mac, { key: this.#key, additional: lastmodified });
    const found = Buffer.from(this.#hash.digest("hex").toUpperCase());
    const same =
      wanted !== undefined &&
      wanted.bytes.length === found.length &&
      timingSafeEqual(wanted.bytes, found);
    if (same) return;
    throw new OperatorError(
      "verifyFailed",
      "SOPS_MAC_MISMATCH",
      `${file} was changed without sops: its MAC does not fit`,
      { hint: `look at what changed (git log -p ${file}), then edit it with: sops ${file}` },
    );
  }
}

/** As SOPS turns a value into bytes: booleans as Python writes them, dates as RFC 3339. */
function macText(value: string | number | boolean): string {
  if (typeof value === "boolean") return value ? "True" : "False";
  return typeof value === "number" ? goNumberText(value) : value;
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

function damaged(what: string): OperatorError {
  return new OperatorError("verifyFailed", "SOPS_DAMAGED", what, {
    hint: "take the file from version control again; sops decrypt says more",
  });
}
