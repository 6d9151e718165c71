/** Writes the 512-byte ustar header, and the pax record before it that a long name or a size of 8 GiB and more needs. */
import {
  BLOCK,
  CHECKSUM_OFFSET,
  checksum,
  MAGIC,
  NAME_SIZE,
  PREFIX_OFFSET,
  PREFIX_SIZE,
} from "./tar-header.ts";
import type { TarHeader } from "./tar-header.ts";

const LARGEST_SIZE = 0o77777777777; // 11 octal digits: 8 GiB - 1

const encoder = new TextEncoder();

/** The blocks before a member's bytes: a header, with a pax record in front when it needs one. */
export function encodeHeader(header: TarHeader): Uint8Array {
  const name = encoder.encode(header.path);
  const split = splitName(name);
  const records: string[] = [];
  if (split === undefined) records.push(paxRecord("path", header.path));
  if (header.size > LARGEST_SIZE) records.push(paxRecord("size", String(header.size)));
  const { prefix, rest } = split ?? {
    prefix: new Uint8Array(0),
    rest: name.subarray(0, NAME_SIZE),
  };
  const size = Math.min(header.size, LARGEST_SIZE);
  const block = encodeBlock({ ...header, size, type: "0", prefix, name: rest });
  if (records.length === 0) return block;
  const body = encoder.encode(records.join(""));
  const padded = new Uint8Array(Math.ceil(body.length / BLOCK) * BLOCK);
  padded.set(body);
  const paxName = encoder.encode("PaxHeaders/entry");
  const pax = encodeBlock({
    size: body.length,
    mode: 0o600,
    mtime: header.mtime,
    type: "x",
    prefix: new Uint8Array(0),
    name: paxName,
  });
  const blocks = new Uint8Array(pax.length + padded.length + block.length);
  blocks.set(pax);
  blocks.set(padded, pax.length);
  blocks.set(block, pax.length + padded.length);
  return blocks;
}

interface BlockFields {
  readonly name: Uint8Array;
  readonly prefix: Uint8Array;
  readonly size: number;
  readonly mode: number;
  readonly mtime: number;
  readonly type: "0" | "x";
}

function encodeBlock(fields: BlockFields): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const put = (offset: number, value: string): void => {
    block.set(encoder.encode(value), offset);
  };
  block.set(fields.name, 0);
  put(100, octal(fields.mode, 7));
  put(108, octal(0, 7));
  put(116, octal(0, 7));
  put(124, octal(fields.size, 11));
  put(136, octal(fields.mtime, 11));
  put(156, fields.type);
  put(257, MAGIC);
  put(265, "root");
  put(297, "root");
  put(329, octal(0, 7));
  put(337, octal(0, 7));
  block.set(fields.prefix, PREFIX_OFFSET);
  put(CHECKSUM_OFFSET, `${octal(checksum(block), 6)}\u0000 `);
  return block;
}

/** Where a name of up to 256 bytes parts into prefix and rest; undefined when it does not fit. */
function splitName(name: Uint8Array): { prefix: Uint8Array; rest: Uint8Array } | undefined {
  if (name.length <= NAME_SIZE) return { prefix: new Uint8Array(0), rest: name };
  for (let at = Math.min(name.length - 2, PREFIX_SIZE); at > 0; at -= 1) {
    if (name[at] !== 0x2f) continue;
    if (name.length - at - 1 > NAME_SIZE) return undefined;
    return { prefix: name.subarray(0, at), rest: name.subarray(at + 1) };
  }
  return undefined;
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = encoder.encode(` ${key}=${value}\n`).length;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  return `${length} ${key}=${value}\n`;
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, "0");
}
