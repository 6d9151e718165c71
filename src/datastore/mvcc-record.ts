/**
 * One revision of one key, as etcd stores it in the `key` bucket (facts
 * k3s-observed.md 16.4): bolt key = 8 bytes main revision, "_", 8 bytes sub
 * revision, and "t" for a tombstone; value = protobuf mvccpb.KeyValue.
 */
import type { LeafElement, Page } from "./bolt-page.ts";
import { u64BigEndian } from "./bytes.ts";
import { structureError } from "./damage.ts";

const KEY_LENGTH = 17;
const SEPARATOR = 0x5f;
const TOMBSTONE = 0x74;
/** mvccpb.KeyValue: field numbers. */
const FIELD = { key: 1, createRevision: 2, modRevision: 3, version: 4, value: 5 };
const VARINT = 0;
const BYTES = 2;

export interface Revision {
  readonly main: number;
  readonly tombstone: boolean;
}

/** Places are offsets into the page's view. */
export interface KeyValue {
  keyStart: number;
  keyLength: number;
  createRevision: number;
  modRevision: number;
  version: number;
  valueStart: number;
  valueLength: number;
}

/** Reads the bolt key of a record. Throws SNAPSHOT_STRUCTURE. */
export function readRevision(page: Page, { keyStart, keyLength }: LeafElement): Revision {
  const { view } = page;
  const tombstone =
    keyLength === KEY_LENGTH + 1 && view.getUint8(keyStart + KEY_LENGTH) === TOMBSTONE;
  if ((keyLength !== KEY_LENGTH && !tombstone) || view.getUint8(keyStart + 8) !== SEPARATOR) {
    throw structureError(`a record on page ${page.id} is not named by a revision`);
  }
  return { main: u64BigEndian(view, keyStart), tombstone };
}

/** Reads the value of a record. Throws SNAPSHOT_STRUCTURE. */
export function readKeyValue(page: Page, element: LeafElement): KeyValue {
  const found = emptyKeyValue();
  const start = element.keyStart + element.keyLength;
  const reader: Reader = { page, at: start, end: start + element.valueLength };
  while (reader.at < reader.end) readField(reader, found);
  if (found.keyLength === 0) throw recordError(page);
  return found;
}

function emptyKeyValue(): KeyValue {
  return {
    keyStart: 0,
    keyLength: 0,
    createRevision: 0,
    modRevision: 0,
    version: 0,
    valueStart: 0,
    valueLength: 0,
  };
}

interface Reader {
  readonly page: Page;
  at: number;
  readonly end: number;
}

function readField(reader: Reader, found: KeyValue): void {
  const tag = varint(reader);
  const field = tag >>> 3;
  const type = tag & 7;
  if (type !== VARINT && type !== BYTES) throw recordError(reader.page);
  const number = varint(reader);
  if (type === VARINT) {
    if (field === FIELD.createRevision) found.createRevision = number;
    else if (field === FIELD.modRevision) found.modRevision = number;
    else if (field === FIELD.version) found.version = number;
    return;
  }
  if (number > reader.end - reader.at) throw recordError(reader.page);
  if (field === FIELD.key) {
    found.keyStart = reader.at;
    found.keyLength = number;
  } else if (field === FIELD.value) {
    found.valueStart = reader.at;
    found.valueLength = number;
  }
  reader.at += number;
}

function varint(reader: Reader): number {
  let result = 0;
  let factor = 1;
  for (let length = 0; length < 10 && reader.at < reader.end; length += 1) {
    const byte = reader.page.view.getUint8(reader.at);
    reader.at += 1;
    result += (byte & 0x7f) * factor;
    if (byte < 0x80) return result;
    factor *= 128;
  }
  throw recordError(reader.page);
}

function recordError(page: Page): Error {
  return structureError(`a record on page ${page.id} cannot be read`);
}
