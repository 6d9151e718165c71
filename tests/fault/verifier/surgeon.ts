/** Changes to the real etcd snapshot and the real SQLite database of the base archives, each whole again but for one thing. */
import { readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { fieldsOf } from "../../../src/datastore/protobuf.ts";
import { withFolder } from "../../helpers/folder.ts";
import { join } from "../../helpers/tar.ts";
import { Patient, reseal } from "../../unit/datastore/support.ts";
import { archiveWith, datastoreOf } from "./build.ts";
import type { Field } from "../../../src/datastore/protobuf.ts";
import type { Made } from "./row.ts";

const PAGE = 4096;

/** An archive whose snapshot was changed in place; its trailer and all hashes are right again. */
export function bolt(change: (patient: Patient) => void): () => Promise<Made> {
  return async () => {
    const bytes = await datastoreOf("etcd");
    change(new Patient(bytes));
    return archiveWith("etcd", { datastore: reseal(bytes) });
  };
}

/** The same for the database without its trailer, when it changes its size; a trailer is put behind it. */
export function database(change: (patient: Patient) => Uint8Array): () => Promise<Made> {
  return async () => {
    const bytes = (await datastoreOf("etcd")).slice(0, -32);
    const sealed = reseal(join(change(new Patient(bytes)), new Uint8Array(32)));
    return archiveWith("etcd", { datastore: sealed });
  };
}

/** The element of an inline bucket: flags, place, key length, value length, four bytes each. */
export function inlineElement(patient: Patient, bucket: string, index: number): number {
  return patient.bucketValue(bucket) + 16 + 16 + index * 16;
}

/** Where key and value of an element of an inline bucket begin. */
export function inlineEntry(
  patient: Patient,
  bucket: string,
  index: number,
): { readonly key: number; readonly value: number } {
  const at = inlineElement(patient, bucket, index);
  const key = at + patient.view.getUint32(at + 4, true);
  return { key, value: key + patient.view.getUint32(at + 8, true) };
}

interface Element {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly bucket?: boolean;
}

/** A leaf page with these elements. */
export function leafPage(id: number, elements: readonly Element[], overflow = 0): Uint8Array {
  const page = new Uint8Array(PAGE * (overflow + 1));
  const view = new DataView(page.buffer);
  pageHeader(view, { id, flags: 2, count: elements.length, overflow });
  let end = 16 + elements.length * 16;
  for (const [index, { key, value, bucket }] of elements.entries()) {
    const at = 16 + index * 16;
    view.setUint32(at, bucket === true ? 1 : 0, true);
    view.setUint32(at + 4, end - at, true);
    view.setUint32(at + 8, key.length, true);
    view.setUint32(at + 12, value.length, true);
    page.set(key, end);
    page.set(value, end + key.length);
    end += key.length + value.length;
  }
  return page;
}

/** A branch page with one child, or none. */
export function branchPage(id: number, child?: number): Uint8Array {
  const page = new Uint8Array(PAGE);
  const view = new DataView(page.buffer);
  pageHeader(view, { id, flags: 1, count: child === undefined ? 0 : 1, overflow: 0 });
  if (child === undefined) return page;
  view.setUint32(16, 16, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(child), true);
  page[32] = 0x61;
  return page;
}

function pageHeader(
  view: DataView,
  header: {
    readonly id: number;
    readonly flags: number;
    readonly count: number;
    readonly overflow: number;
  },
): void {
  view.setBigUint64(0, BigInt(header.id), true);
  view.setUint16(8, header.flags, true);
  view.setUint16(10, header.count, true);
  view.setUint32(12, header.overflow, true);
}

/** A bucket's value: its root page, or 0 and the page itself. */
export function bucketValue(root: number, inline = new Uint8Array()): Uint8Array {
  const header = new Uint8Array(16);
  new DataView(header.buffer).setBigUint64(0, BigInt(root), true);
  return join(header, inline);
}

/**
 * The database with one more bucket, `zzz`: a new root page and `pages` behind it.
 * Both are given the number of the first page after the new root.
 */
export function withBucket(
  patient: Patient,
  value: (first: number) => Uint8Array,
  pages: (first: number) => readonly Uint8Array[] = () => [],
): Uint8Array {
  const root = pagesOf(patient);
  const elements = elementsOf(patient, patient.root);
  const added = pages(root + 1);
  const size = added.reduce((sum, page) => sum + page.length / PAGE, 0);
  const more = { key: new TextEncoder().encode("zzz"), value: value(root + 1), bucket: true };
  patient.setMeta(16, BigInt(root)).setMeta(40, BigInt(root + 1 + size));
  return join(patient.bytes, leafPage(root, [...elements, more]), ...added);
}

/** The high-water mark. */
export function pagesOf(patient: Patient): number {
  return Number(patient.view.getBigUint64(patient.meta + 40, true));
}

function elementsOf(patient: Patient, page: number): Element[] {
  return Array.from({ length: patient.count(page) }, (_, index) => {
    const element = patient.element(page, index);
    const { at, length } = patient.key(page, index);
    const end = at + length + patient.view.getUint32(element + 12, true);
    return {
      key: patient.bytes.slice(at, at + length),
      value: patient.bytes.slice(at + length, end),
      bucket: patient.view.getUint32(element, true) === 1,
    };
  });
}

/** The ids of the pages that nothing refers to, in order. */
function unused(patient: Patient): number[] {
  const used = new Set([0, 1]);
  const reach = (page: number): void => {
    const overflow = patient.view.getUint32(patient.page(page) + 12, true);
    for (let id = page; id <= page + overflow; id += 1) used.add(id);
    if (patient.isLeaf(page)) return;
    for (let index = 0; index < patient.count(page); index += 1) reach(patient.child(page, index));
  };
  reach(patient.root);
  reach(patient.bucketRoot("key")); // the other buckets are inline in this one
  return Array.from({ length: pagesOf(patient) }, (_, id) => id).filter((id) => !used.has(id));
}

/** The database with its list of free pages stored, as its last page. `change` gives the list; `page` may change the page. */
export function withFreelist(
  change: (ids: number[], patient: Patient) => number[],
  page: (view: DataView) => void = () => undefined,
): () => Promise<Made> {
  return database((patient) => {
    const id = pagesOf(patient);
    const ids = change(unused(patient), patient);
    const view = new DataView(new ArrayBuffer(PAGE));
    pageHeader(view, { id, flags: 0x10, count: ids.length, overflow: 0 });
    for (const [index, free] of ids.entries())
      view.setBigUint64(16 + index * 8, BigInt(free), true);
    page(view);
    patient.setMeta(32, BigInt(id)).setMeta(40, BigInt(id + 1));
    // A page more than there is: whoever reads too far finds zeros, not the end.
    return join(patient.bytes, new Uint8Array(view.buffer), new Uint8Array(PAGE));
  });
}

export interface Record {
  /** Where the bolt key begins: revision, `_`, sub-revision. */
  readonly name: number;
  /** The protobuf. */
  readonly start: number;
  readonly end: number;
  /** Its key, as text. */
  readonly key: string;
  readonly fields: readonly Field[];
}

/** The records of keys that were written once and live: all of what is known of such a key is there. */
export function onlyRecords(patient: Patient): Record[] {
  const all: Record[] = [];
  const root = patient.bucketRoot("key");
  for (let child = 0; child < patient.count(root); child += 1) {
    const leaf = patient.child(root, child);
    for (let index = 0; index < patient.count(leaf); index += 1) {
      const element = patient.element(leaf, index);
      const { at, length } = patient.key(leaf, index);
      const start = at + length;
      const end = start + patient.view.getUint32(element + 12, true);
      const fields = [...fieldsOf(patient.bytes, start, end)];
      const key = fields.find(({ number }) => number === 1);
      const text = Buffer.from(patient.bytes.subarray(key?.start, key?.end)).toString();
      all.push({ name: at, start, end, key: text, fields });
    }
  }
  const once = all.filter(({ key }) => all.filter((other) => other.key === key).length === 1);
  return once.filter(({ key }) => key.startsWith("/registry/configmaps/default/noise"));
}

/** A change to the field of one such record. */
export function record(
  number: number,
  change: (bytes: Uint8Array, field: Field) => void,
): () => Promise<Made> {
  return bolt((patient) => {
    const field = onlyRecords(patient)[0]?.fields.find((one) => one.number === number);
    if (field === undefined) throw new Error(`no record with a field ${number}`);
    change(patient.bytes, field);
  });
}

/** The snapshot with a text put in place of another of the same length, everywhere. */
export function replaced(change: (text: string) => string): () => Promise<Made> {
  return async () => {
    const text = Buffer.from(await datastoreOf("etcd")).toString("latin1");
    const other = change(text);
    if (other.length !== text.length || other === text)
      throw new Error("not another of this length");
    const datastore = reseal(new Uint8Array(Buffer.from(other, "latin1")));
    return archiveWith("etcd", { datastore });
  };
}

/** An archive whose SQLite database SQL has changed. */
export function sql(statements: string): () => Promise<Made> {
  return async () => {
    const datastore = await withFolder(async (folder) => {
      writeFileSync(`${folder}/db`, await datastoreOf("sqlite"));
      const opened = new DatabaseSync(`${folder}/db`);
      opened.exec(statements);
      opened.close();
      return new Uint8Array(readFileSync(`${folder}/db`));
    });
    return archiveWith("sqlite", { datastore });
  };
}

/** The same with bytes changed. */
export function sqliteBytes(change: (bytes: Uint8Array) => Uint8Array): () => Promise<Made> {
  return async () => archiveWith("sqlite", { datastore: change(await datastoreOf("sqlite")) });
}
