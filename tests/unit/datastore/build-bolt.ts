/** Writes small bolt files for shapes etcd does not make: nested buckets, other page sizes, one bad meta page. */
import { Buffer } from "node:buffer";
import { Patient } from "./support.ts";

export type Value = string | { readonly bucket: number } | { readonly inline: Uint8Array };

export interface LeafSpec {
  readonly leaf: Readonly<Record<string, Value>>;
}

export interface BranchSpec {
  readonly branch: readonly (readonly [key: string, page: number])[];
}

/** Two meta pages, then the given pages from page 2 on, which is the root. */
export function buildBolt(pages: readonly (LeafSpec | BranchSpec)[], pageSize = 4096): Uint8Array {
  const bytes = new Uint8Array((pages.length + 2) * pageSize);
  const view = new DataView(bytes.buffer);
  for (const id of [0, 1]) {
    const page = id * pageSize;
    view.setBigUint64(page, BigInt(id), true);
    view.setUint16(page + 8, 4, true);
    const meta = page + 16;
    view.setUint32(meta, 0xed0cdaed, true);
    view.setUint32(meta + 4, 2, true);
    view.setUint32(meta + 8, pageSize, true);
    view.setBigUint64(meta + 16, 2n, true);
    view.setBigUint64(meta + 32, 0xffffffffffffffffn, true);
    view.setBigUint64(meta + 40, BigInt(pages.length + 2), true);
    view.setBigUint64(meta + 48, BigInt(7 + id), true);
    new Patient(bytes).sealMeta(meta);
  }
  for (const [index, spec] of pages.entries()) {
    bytes.set(buildPage(index + 2, spec), (index + 2) * pageSize);
  }
  return bytes;
}

function buildPage(id: number, spec: LeafSpec | BranchSpec): Uint8Array {
  const leaf = "leaf" in spec;
  const elements = "leaf" in spec ? leafElements(spec) : branchElements(spec);
  const head = Buffer.alloc(16 + elements.length * 16);
  head.writeBigUInt64LE(BigInt(id), 0);
  head.writeUInt16LE(leaf ? 2 : 1, 8);
  head.writeUInt16LE(elements.length, 10);
  let end = head.byteLength;
  const bodies: Uint8Array[] = [];
  for (const [index, element] of elements.entries()) {
    const at = 16 + index * 16;
    const field = leaf ? at + 4 : at;
    head.writeUInt32LE(end - at, field);
    head.writeUInt32LE(element.key.byteLength, field + 4);
    if (leaf) {
      head.writeUInt32LE(element.flag, at);
      head.writeUInt32LE(element.bytes.byteLength, at + 12);
    } else {
      head.writeBigUInt64LE(BigInt(element.page), at + 8);
    }
    bodies.push(element.key, element.bytes);
    end += element.key.byteLength + element.bytes.byteLength;
  }
  return Buffer.concat([head, ...bodies]);
}

interface ElementSpec {
  readonly key: Uint8Array;
  readonly bytes: Uint8Array;
  readonly flag: number;
  readonly page: number;
}

function leafElements({ leaf }: LeafSpec): ElementSpec[] {
  return Object.entries(leaf).map(([key, value]) => ({
    key: Buffer.from(key),
    page: 0,
    ...valueBytes(value),
  }));
}

function branchElements({ branch }: BranchSpec): ElementSpec[] {
  return branch.map(([key, page]) => ({
    key: Buffer.from(key),
    bytes: new Uint8Array(),
    flag: 0,
    page,
  }));
}

function valueBytes(value: Value): { bytes: Uint8Array; flag: number } {
  if (typeof value === "string") return { bytes: Buffer.from(value), flag: 0 };
  const header = Buffer.alloc(16);
  if ("bucket" in value) {
    header.writeBigUInt64LE(BigInt(value.bucket), 0);
    return { bytes: header, flag: 1 };
  }
  return { bytes: Buffer.concat([header, value.inline]), flag: 1 };
}

/** The page of an inline bucket. */
export function inlinePage(leaf: Readonly<Record<string, Value>>): Uint8Array {
  return buildPage(0, { leaf });
}
