/**
 * The 512-byte ustar header (POSIX.1-1988) and the pax record before it
 * (POSIX.1-2001) that a long name or a size of 8 GiB and more needs.
 *
 * Our own rather than a package: a reader that protects a restore has to tell
 * apart what general libraries accept alike (unknown types, bytes after a NUL,
 * data after the end).
 */
import { OperatorError } from "../errors.ts";
import { pathProblem, shownPath } from "./tar-path.ts";
import type { OperatorErrorOptions } from "../errors.ts";

export const BLOCK = 512;

/** What we write and read of a member: regular files only. */
export interface TarHeader {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Permission bits. */
  readonly mode: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
}

/** A header block as it stands; pax records are laid over it by the reader. */
export interface RawHeader extends TarHeader {
  /** `file`: a member; `pax`: records for the member that follows. */
  readonly type: "file" | "pax";
}

const NAME_SIZE = 100;
const PREFIX_OFFSET = 345;
const PREFIX_SIZE = 155;
const CHECKSUM_OFFSET = 148;
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

/** Reads one header block that is not all zeros. Throws an OperatorError `TAR_…`, exit verifyFailed. */
export function decodeHeader(block: Uint8Array): RawHeader {
  if (parseOctal(block.subarray(CHECKSUM_OFFSET, CHECKSUM_OFFSET + 8)) !== checksum(block)) {
    throw refused("TAR_CHECKSUM", "a tar header's checksum is wrong");
  }
  const magic = text(block.subarray(257, 265));
  if (magic !== "ustar\u000000") {
    throw refused("TAR_HEADER", "a tar header is not of the ustar format");
  }
  const type = memberType(block[156] ?? 0);
  const prefix = terminated(block.subarray(PREFIX_OFFSET, PREFIX_OFFSET + PREFIX_SIZE));
  const name = terminated(block.subarray(0, NAME_SIZE));
  const path = prefix === "" ? name : `${prefix}/${name}`;
  if (terminated(block.subarray(157, 257)) !== "") {
    throw refused("TAR_TYPE", `${shownPath(path)} is a link`);
  }
  return {
    type,
    path,
    size: numberField(block, { offset: 124, length: 12, what: "size" }),
    mode: numberField(block, { offset: 100, length: 8, what: "mode" }) & 0o7777,
    mtime: numberField(block, { offset: 136, length: 12, what: "time" }),
  };
}

/** Throws an OperatorError `TAR_NAME` unless the path may stand in an archive. */
export function requirePlainPath(path: string): void {
  const problem = pathProblem(path);
  if (problem === undefined) return;
  throw refused("TAR_NAME", `the name ${shownPath(path)} in the archive ${problem}`);
}

/** The error of every refusal here and in the reader: exit verifyFailed. */
export function refused(
  code: string,
  message: string,
  options: OperatorErrorOptions = {},
): OperatorError {
  return new OperatorError("verifyFailed", code, message, options);
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
  put(257, "ustar\u000000");
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

/** The sum of all bytes with the checksum field itself taken as spaces. */
function checksum(block: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < BLOCK; at += 1) {
    if (at < CHECKSUM_OFFSET || at >= CHECKSUM_OFFSET + 8) sum += block[at] ?? 0;
  }
  return sum;
}

function memberType(flag: number): "file" | "pax" {
  if (flag === 0x30 || flag === 0) return "file"; // "0", and NUL as old writers had it
  if (flag === 0x78) return "pax"; // "x"
  const known: Readonly<Record<string, string>> = {
    "1": "a hard link",
    "2": "a symbolic link",
    "3": "a character device",
    "4": "a block device",
    "5": "a folder",
    "6": "a named pipe",
    g: "a global pax header",
    K: "a GNU long link",
    L: "a GNU long name",
    S: "a sparse file",
  };
  const kind = known[String.fromCharCode(flag)] ?? "a member of an unknown kind";
  throw refused("TAR_TYPE", `the archive holds ${kind}; only regular files belong there`);
}

/** The text of a field up to its NUL. Bytes after the NUL could hide a second name, so they must be zero. */
function terminated(field: Uint8Array): string {
  const end = field.indexOf(0);
  if (end === -1) return text(field);
  if (field.subarray(end).some((byte) => byte !== 0)) {
    throw refused("TAR_NAME", "a name in the archive goes on after a NUL byte");
  }
  return text(field.subarray(0, end));
}

function numberField(
  block: Uint8Array,
  field: { readonly offset: number; readonly length: number; readonly what: string },
): number {
  const value = parseOctal(block.subarray(field.offset, field.offset + field.length));
  if (value !== undefined) return value;
  throw refused("TAR_HEADER", `a tar header's ${field.what} is not an octal number`);
}

/** Octal digits, then NULs or spaces; undefined for anything else, such as GNU's binary numbers. */
function parseOctal(field: Uint8Array): number | undefined {
  const match = /^ *([0-7]+)[ \u0000]*$/.exec(text(field));
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 8);
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
