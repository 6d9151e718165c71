/**
 * The 512-byte ustar header (POSIX.1-1988) and the pax record before it
 * (POSIX.1-2001) that a long name or a size of 8 GiB and more needs.
 *
 * Our own rather than a package: a reader that protects a restore has to tell
 * apart what general libraries accept alike (unknown types, bytes after a NUL,
 * data after the end).
 */
import { refused } from "./refused.ts";
import { pathProblem, shownPath } from "./tar-path.ts";

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

export const NAME_SIZE = 100;
export const PREFIX_OFFSET = 345;
export const PREFIX_SIZE = 155;
/** Magic and version of POSIX; GNU tar's own default format has others. */
export const MAGIC = "ustar\u000000";
export const CHECKSUM_OFFSET = 148;

/** Reads one header block that is not all zeros. Throws an OperatorError `TAR_…`, exit verifyFailed. */
export function decodeHeader(block: Uint8Array): RawHeader {
  if (parseOctal(block.subarray(CHECKSUM_OFFSET, CHECKSUM_OFFSET + 8)) !== checksum(block)) {
    throw refused("TAR_CHECKSUM", "a tar header's checksum is wrong");
  }
  const magic = text(block.subarray(257, 265));
  if (magic !== MAGIC) {
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

/** The sum of all bytes with the checksum field itself taken as spaces. */
export function checksum(block: Uint8Array): number {
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
