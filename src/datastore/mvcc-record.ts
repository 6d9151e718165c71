/**
 * One revision of one key, as etcd stores it in the `key` bucket (facts
 * k3s-observed.md 16.4): bolt key = 8 bytes main revision, "_", 8 bytes sub
 * revision, and "t" for a tombstone; value = protobuf mvccpb.KeyValue.
 */
import { elementAt } from "./bolt-page.ts";
import type { Page } from "./bolt-page.ts";
import { u64BigEndian } from "./bytes.ts";
import { structureError } from "./damage.ts";

const NAME_LENGTH = 17;
const SEPARATOR = 0x5f;
const TOMBSTONE = 0x74;
/** mvccpb.KeyValue: field numbers. */
const FIELD = { key: 1, createRevision: 2, modRevision: 3, version: 4, value: 5 };
const VARINT = 0;
const BYTES = 2;

/**
 * Reads records one after the other into its own fields: a database has millions of
 * them, and none may leave an object behind. Places are offsets into the page's view.
 */
export class RecordReader {
  /** Main revision the record is filed under. */
  revision = 0;
  tombstone = false;
  keyStart = 0;
  keyLength = 0;
  createRevision = 0;
  modRevision = 0;
  version = 0;
  valueStart = 0;
  valueLength = 0;
  #at = 0;
  #end = 0;

  /** Reads the element at an index of a checked leaf page. Throws SNAPSHOT_STRUCTURE. */
  read(page: Page, index: number): void {
    const { view } = page;
    const at = elementAt(page, index);
    const name = at + view.getUint32(at + 4, true);
    const length = view.getUint32(at + 8, true);
    this.tombstone = length === NAME_LENGTH + 1 && view.getUint8(name + NAME_LENGTH) === TOMBSTONE;
    if ((length !== NAME_LENGTH && !this.tombstone) || view.getUint8(name + 8) !== SEPARATOR) {
      throw structureError(`a record on page ${page.id} is not named by a revision`);
    }
    this.revision = u64BigEndian(view, name);
    this.#at = name + length;
    this.#end = this.#at + view.getUint32(at + 12, true);
    this.keyLength = 0;
    this.createRevision = 0;
    this.modRevision = 0;
    this.version = 0;
    this.valueLength = 0;
    while (this.#at < this.#end) this.#field(page);
    if (this.keyLength === 0) throw recordError(page);
  }

  /** Whether the record's key begins with these bytes. */
  startsWith(page: Page, prefix: Uint8Array): boolean {
    const { byteLength } = prefix;
    if (this.keyLength < byteLength) return false;
    for (let index = 0; index < byteLength; index += 1) {
      if (page.view.getUint8(this.keyStart + index) !== prefix[index]) return false;
    }
    return true;
  }

  #field(page: Page): void {
    const tag = this.#varint(page);
    const field = tag >>> 3;
    const type = tag & 7;
    if (type !== VARINT && type !== BYTES) throw recordError(page);
    const number = this.#varint(page);
    if (type === VARINT) {
      if (field === FIELD.createRevision) this.createRevision = number;
      else if (field === FIELD.modRevision) this.modRevision = number;
      else if (field === FIELD.version) this.version = number;
      return;
    }
    if (number > this.#end - this.#at) throw recordError(page);
    if (field === FIELD.key) {
      this.keyStart = this.#at;
      this.keyLength = number;
    } else if (field === FIELD.value) {
      this.valueStart = this.#at;
      this.valueLength = number;
    }
    this.#at += number;
  }

  #varint(page: Page): number {
    let result = 0;
    let factor = 1;
    for (let length = 0; length < 10 && this.#at < this.#end; length += 1) {
      const byte = page.view.getUint8(this.#at);
      this.#at += 1;
      result += (byte & 0x7f) * factor;
      if (byte < 0x80) return result;
      factor *= 128;
    }
    throw recordError(page);
  }
}

function recordError(page: Page): Error {
  return structureError(`a record on page ${page.id} cannot be read`);
}
