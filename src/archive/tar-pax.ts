/** Pax extended headers: `<length> <key>=<value>\n`, laid over the ustar header that follows. */
import { refused } from "./refused.ts";
import type { RawHeader } from "./tar-header.ts";

/** Says nothing about where or how large a file is; GNU tar writes the times. */
const IGNORED = new Set(["atime", "comment", "ctime", "gid", "gname", "mtime", "uid", "uname"]);

/**
 * The header with the records' `path` and `size` in place of its own. Throws an
 * OperatorError `TAR_HEADER` for malformed, repeated or other records, above
 * all `linkpath` and GNU's sparse maps.
 */
export function applyPax(header: RawHeader, records: Uint8Array): RawHeader {
  const seen = new Set<string>();
  let { path, size } = header;
  for (const [key, value] of paxRecords(records)) {
    if (seen.has(key)) throw refused("TAR_HEADER", `a pax header has ${key} twice`);
    seen.add(key);
    if (key === "path") path = value;
    else if (key === "size") size = sizeOf(value);
    else if (!IGNORED.has(key)) {
      throw refused("TAR_HEADER", `a pax header has a record ${JSON.stringify(key.slice(0, 60))}`);
    }
  }
  return { ...header, path, size };
}

function* paxRecords(bytes: Uint8Array): Generator<[key: string, value: string]> {
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at);
    const length = space === -1 ? Number.NaN : wholeNumber(decode(bytes.subarray(at, space)));
    const record = bytes.subarray(space + 1, at + length);
    const equals = record.indexOf(0x3d);
    const complete = at + length <= bytes.length && record.at(-1) === 0x0a && equals > 0;
    if (!complete) throw refused("TAR_HEADER", "a pax header is malformed");
    yield [decode(record.subarray(0, equals)), decode(record.subarray(equals + 1, -1))];
    at += length;
  }
}

function sizeOf(value: string): number {
  const size = wholeNumber(value);
  if (Number.isSafeInteger(size)) return size;
  throw refused("TAR_HEADER", "a pax header's size is not a number");
}

function wholeNumber(text: string): number {
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
