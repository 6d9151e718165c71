/** One values file, whatever it is wrapped in: plain, encrypted by SOPS, or encrypted whole by age. */
import { armor } from "age-encryption";
import { decryptStream } from "../archive/age.ts";
import { streamFrom } from "../archive/tar-source.ts";
import { OperatorError } from "../errors.ts";
import { followMergeKeys } from "./merge-keys.ts";
import { parseValues } from "./parse-values.ts";
import { isSops, openSops } from "./sops-file.ts";
import { countSealed } from "./value-node.ts";
import type { DuplicateKey } from "./parse-values.ts";
import type { MapNode } from "./value-node.ts";

export interface ValuesFile {
  readonly root: MapNode;
  /** Each YAML document of the file: helm 4 merges them, helm 3 read only the first. */
  readonly each: readonly MapNode[];
  readonly duplicates: readonly DuplicateKey[];
  readonly encryption: "none" | "sops" | "age";
  /** Encrypted scalars that no key at hand opens. */
  readonly sealed: number;
  /** Of a SOPS file. */
  readonly recipients: readonly string[];
}

export interface ReadValuesOptions {
  /** As it was named; for places and messages. */
  readonly file: string;
  /** Called only when something is encrypted. Secret key texts; none is fine for SOPS. */
  readonly identities: () => Promise<readonly string[]>;
}

const ARMOR = /^\s*-----BEGIN AGE ENCRYPTED FILE-----/;
const AGE = "age-encryption.org/v1\n";
/** More is no values file; helm keeps them in objects of at most 1 MiB. */
const SIZE_MAX = 16 * 1024 * 1024;

/**
 * Reads and opens a values file in memory; nothing is ever written. Throws
 * OperatorErrors: those of `parseValues` and `openSops`; `VALUES_LOCKED`, exit
 * key, for an age file that no identity opens; `VALUES_DAMAGED`, exit
 * verifyFailed; `VALUES_INVALID`, exit usage.
 */
export async function readValuesFile(
  bytes: Uint8Array,
  options: ReadValuesOptions,
): Promise<ValuesFile> {
  const { file } = options;
  if (bytes.length > SIZE_MAX) throw tooLarge(file);
  const start = new TextDecoder().decode(bytes.subarray(0, 256));
  const isAge = start.startsWith(AGE) || ARMOR.test(start);
  const content = isAge ? await openAge(bytes, options) : bytes;
  const text = new TextDecoder().decode(content);
  const values = parseValues(text, { file, secret: isAge });
  const { duplicates, each } = values;
  if (!isSops(values.root)) {
    const encryption = isAge ? "age" : "none";
    return { duplicates, each, root: values.root, encryption, sealed: 0, recipients: [] };
  }
  if (each.length > 1) throw severalDocuments(file);
  // SOPS reads the same text another way (`yes` is no boolean there), and its MAC is over that.
  const asSops = parseValues(text, { file, dialect: "sops", mergeKeys: false });
  const { root: opened, recipients } = await openSops(asSops.root, await options.identities());
  const root = followMergeKeys(opened);
  return {
    duplicates,
    each: [root],
    root,
    encryption: "sops",
    sealed: countSealed(root),
    recipients,
  };
}

async function openAge(bytes: Uint8Array, options: ReadValuesOptions): Promise<Uint8Array> {
  const { file } = options;
  const identities = await options.identities();
  if (identities.length === 0) throw locked(file);
  try {
    const pieces: Uint8Array[] = [];
    const plain = await decryptStream(streamFrom(once(binaryOf(bytes))), identities);
    let size = 0;
    for await (const piece of plain) {
      size += piece.length;
      if (size > SIZE_MAX) throw tooLarge(file);
      pieces.push(piece.slice());
    }
    return Buffer.concat(pieces);
  } catch (error) {
    if (error instanceof OperatorError && error.code === "VALUES_INVALID") throw error;
    if (error instanceof OperatorError && error.exit === "key") throw locked(file);
    throw new OperatorError("verifyFailed", "VALUES_DAMAGED", `${file} is no whole age file`, {
      hint: "take it from version control again; age -d says more",
    });
  }
}

function binaryOf(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(bytes);
  return ARMOR.test(text) ? armor.decode(text) : bytes;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function locked(file: string): OperatorError {
  return new OperatorError("key", "VALUES_LOCKED", `no key at hand opens ${file}`, {
    hint: "give one with -i FILE, or put it where SOPS has its keys",
  });
}

function tooLarge(file: string): OperatorError {
  return new OperatorError("usage", "VALUES_INVALID", `${file} is too large for a values file`, {
    hint: "give the file that helm gets with -f",
  });
}

function severalDocuments(file: string): OperatorError {
  return new OperatorError(
    "usage",
    "VALUES_INVALID",
    `${file} holds several YAML documents and is encrypted by SOPS, which cannot be read here`,
    { hint: "make one file of each document" },
  );
}
