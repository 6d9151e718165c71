/** Walking the fields of a protobuf message without knowing its type. */

export interface Field {
  readonly number: number;
  /** Where the field begins, with its tag. */
  readonly from: number;
  /** Content of a field of bytes; empty for numbers. */
  readonly start: number;
  readonly end: number;
}

const VARINT = 0;
const FIXED_64 = 1;
const BYTES = 2;
const FIXED_32 = 5;

/**
 * The fields between two places of a buffer, in order. Ends early, without an
 * error, at what is no protobuf: whoever asks finds the field missing.
 */
export function* fieldsOf(bytes: Uint8Array, start: number, end: number): Generator<Field> {
  let at = start;
  while (at < end) {
    const from = at;
    const tag = varint(bytes, at, end);
    if (tag === undefined) return;
    const content = contentOf(bytes, tag.next, { end, type: tag.value & 7 });
    if (content === undefined || content.next > end) return;
    yield {
      number: Math.floor(tag.value / 8),
      from,
      start: content.start,
      end: content.next,
    };
    at = content.next;
  }
}

/** The last field of bytes with a number, which is the one that counts; undefined when there is none. */
export function fieldOf(
  bytes: Uint8Array,
  within: { readonly start: number; readonly end: number },
  number: number,
): Field | undefined {
  let found: Field | undefined;
  for (const field of fieldsOf(bytes, within.start, within.end)) {
    if (field.number === number) found = field;
  }
  return found;
}

/** The value of a field that holds a number (its tag may be of any length); undefined when it holds none. */
export function numberOf(bytes: Uint8Array, field: Field): number | undefined {
  const tag = varint(bytes, field.from, field.end);
  if (tag === undefined || (tag.value & 7) !== VARINT) return undefined;
  return varint(bytes, tag.next, field.end)?.value;
}

function contentOf(
  bytes: Uint8Array,
  at: number,
  field: { readonly end: number; readonly type: number },
): { readonly start: number; readonly next: number } | undefined {
  const { end, type } = field;
  if (type === FIXED_64) return { start: at + 8, next: at + 8 };
  if (type === FIXED_32) return { start: at + 4, next: at + 4 };
  if (type !== VARINT && type !== BYTES) return undefined;
  const number = varint(bytes, at, end);
  if (number === undefined) return undefined;
  return { start: number.next, next: number.next + (type === BYTES ? number.value : 0) };
}

function varint(
  bytes: Uint8Array,
  at: number,
  end: number,
): { readonly value: number; readonly next: number } | undefined {
  let value = 0;
  let factor = 1;
  for (let next = at; next < end && next < at + 10; next += 1) {
    const byte = bytes[next] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return { value, next: next + 1 };
    factor *= 128;
  }
  return undefined;
}
