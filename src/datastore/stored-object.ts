/**
 * What a stored value says of its object: its UID, whether it is being deleted,
 * and a digest of its content. Values are `k8s\0` and protobuf (Kubernetes's own
 * kinds) or JSON (custom resources, CRDs, APIServices).
 */
import { createHash } from "node:crypto";
import { fieldOf, fieldsOf } from "./protobuf.ts";
import type { Field } from "./protobuf.ts";

/** Bytes of a digest that are kept. */
export const DIGEST_LENGTH = 8;

export interface StoredObject {
  /** `e3b0c442-98fc-…`; undefined when the value does not tell. */
  readonly uid: string | undefined;
  /** It has a deletionTimestamp. */
  readonly deleting: boolean;
}

const MAGIC = [0x6b, 0x38, 0x73, 0x00]; // "k8s\0"
const BRACE = 0x7b;
const UNKNOWN: StoredObject = { uid: undefined, deleting: false };
/** k8s.io/apimachinery runtime.Unknown, meta/v1 ObjectMeta: field numbers. */
const RAW = 2;
const META = 1;
const UID = 5;
const DELETION = 9;
const MANAGED_FIELDS = 17;
/** core/v1 Node. */
const NODE_SPEC = 2;

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Reads UID and deletion mark from a plaintext value. Never throws: what cannot be read is unknown. */
export function readStoredObject(value: Uint8Array): StoredObject {
  if (value[0] === BRACE) return readJson(value);
  const meta = metaOf(value);
  if (meta === undefined) return UNKNOWN;
  let uid: string | undefined;
  let deleting = false;
  for (const field of fieldsOf(value, meta.start, meta.end)) {
    if (field.number === UID) uid = text(value, field);
    if (field.number === DELETION) deleting = true;
  }
  return { uid: uid === "" ? undefined : uid, deleting };
}

/**
 * The first bytes of a SHA-256 of what is stored. Of a Node only metadata and
 * spec count: its status is written again every few minutes, with nothing but times in it.
 */
export function digestOf(value: Uint8Array, options: { readonly isNode: boolean }): Uint8Array {
  const hash = createHash("sha256");
  const parts = options.isNode ? nodeParts(value) : undefined;
  for (const { start, end } of parts ?? [{ start: 0, end: value.length }]) {
    hash.update(value.subarray(start, end));
  }
  return hash.digest().subarray(0, DIGEST_LENGTH);
}

function nodeParts(value: Uint8Array): Range[] | undefined {
  const raw = rawOf(value);
  const meta = metaOf(value);
  if (raw === undefined || meta === undefined) return undefined;
  const parts: Range[] = [];
  for (const { number, from, end } of fieldsOf(value, meta.start, meta.end)) {
    // Who wrote the status when stands there too.
    if (number !== MANAGED_FIELDS) parts.push({ start: from, end });
  }
  const spec = fieldOf(value, raw, NODE_SPEC);
  return spec === undefined ? parts : [...parts, { start: spec.from, end: spec.end }];
}

/** Where the object itself is in a stored value: after `k8s\\0` and in its envelope; undefined when it is no protobuf. */
export function rawOf(value: Uint8Array): Field | undefined {
  if (!MAGIC.every((byte, index) => value[index] === byte)) return undefined;
  return fieldOf(value, { start: MAGIC.length, end: value.length }, RAW);
}

/** ObjectMeta, which is the first field of every kind that Kubernetes stores. */
export function metaOf(value: Uint8Array): Field | undefined {
  const raw = rawOf(value);
  return raw === undefined ? undefined : fieldOf(value, raw, META);
}

function readJson(value: Uint8Array): StoredObject {
  const metadata = member(parse(value), "metadata");
  const uid = member(metadata, "uid");
  return {
    uid: typeof uid === "string" && uid !== "" ? uid : undefined,
    deleting: typeof member(metadata, "deletionTimestamp") === "string",
  };
}

function parse(value: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(value));
  } catch {
    return undefined; // the parser's message would quote the object
  }
}

function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function text(value: Uint8Array, { start, end }: Range): string {
  return new TextDecoder().decode(value.subarray(start, end));
}
