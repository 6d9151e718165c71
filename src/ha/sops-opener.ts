/** Opens the scalars of a file that SOPS encrypted, one by one, and checks the MAC over them. */
import { createHash, timingSafeEqual } from "node:crypto";
import { OperatorError } from "../errors.ts";
import { damaged } from "./sops-metadata.ts";
import { isSealedText, openSopsValue } from "./sops-scalar.ts";
import { printPath } from "./value-node.ts";
import { goNumberText } from "./yaml-scalar.ts";
import type { Hash } from "node:crypto";
import type { Metadata } from "./sops-metadata.ts";
import type { MapNode, Scalar, ValueNode } from "./value-node.ts";

/** So that a MAC over encrypted values only never equals one over all (sops.go MACOnlyEncryptedInitialization). */
const ONLY_ENCRYPTED = Buffer.from(
  "8a3fd2ad54ce66527b1034f3d147be0b0b975b3bf44f72c6fdadec8176f27d69",
  "hex",
);
/** Of one file: first `map`, then `checkMac`. Both throw OperatorErrors: `SOPS_DAMAGED`, `SOPS_MAC_MISMATCH`. */
export class Opener {
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
