/** Checks of the tar from member to member, and of its end. */
import { END, join, member, put } from "../../helpers/tar.ts";
import { pax, record, tarWith, whole } from "./tars.ts";
import type { Row } from "./row.ts";

const READ = "archive/tar-read.ts";
const CUT = { says: "TAR_CUT", why: "what is missing is missing at the next read too" };

export const TAR_READ_ROWS: readonly Row[] = [
  {
    file: READ,
    site: "throw cut(current)",
    mutation: "a tar that ends inside an entry",
    make: whole((parts) => [...parts.slice(0, -2), (parts.at(-2) ?? END).slice(0, -4096)]),
    code: "TAR_CUT",
    behind: {
      says: "crashed",
      why: "nothing can be read on; without it the reader would only trip over that",
    },
  },
  {
    file: READ,
    site: "a pax header is too large",
    mutation: "a pax header of 100 kB",
    make: pax(record(`comment=${"x".repeat(100_000)}`)),
    code: "TAR_HEADER",
  },
  {
    file: READ,
    site: "if (records.length < pax.size)",
    mutation: "a tar that ends inside a pax header",
    make: whole((parts) => [
      ...parts.slice(0, -1),
      member("pax", "x".repeat(900), (block) => put(block, 156, "x")).slice(0, 700),
    ]),
    code: "TAR_CUT",
    behind: { says: "TAR_CUT", why: CUT.why },
  },
  {
    file: READ,
    site: "is not followed by its file",
    off: [
      [
        'if (header?.type !== "file") {\n    throw refused("TAR_HEADER", "a pax header is not followed by its file");\n  }\n  return applyPax(header, records);',
        'return header?.type === "pax" ? readPaxMember(source, header) : applyPax(header, records);',
      ],
    ],
    mutation: "two pax headers one after the other",
    make: () => {
      const one = member("pax", record("comment=x"), (block) => put(block, 156, "x"));
      return tarWith((config) => join(one, one, config));
    },
    code: "TAR_HEADER",
  },
  {
    file: READ,
    site: "ends without tar's end mark",
    off: [
      [
        '    throw refused("TAR_NO_END", "the archive ends without tar\'s end mark");',
        "    return undefined;",
      ],
    ],
    mutation: "a tar without its end mark",
    make: whole((parts) => parts.slice(0, -1)),
    code: "TAR_NO_END",
  },
  {
    file: READ,
    site: "if (block.length < BLOCK)",
    off: [
      [
        "if (block.length < BLOCK) throw cut(undefined);",
        "if (block.length < BLOCK) return undefined;",
      ],
    ],
    mutation: "a tar that ends inside a header",
    make: whole((parts) => [...parts.slice(0, -1), new Uint8Array(100)]),
    code: "TAR_CUT",
  },
  {
    file: READ,
    site: "in the middle of tar's end mark",
    mutation: "a tar with half an end mark",
    make: whole((parts) => [...parts.slice(0, -1), new Uint8Array(512)]),
    code: "TAR_NO_END",
  },
  {
    file: READ,
    site: "if (!isZero(second))",
    mutation: "something in the second block of the end mark",
    make: whole((parts) => [
      ...parts.slice(0, -1),
      new Uint8Array(512),
      new Uint8Array(512).fill(1),
    ]),
    code: "TAR_TRAILING",
  },
  {
    file: READ,
    site: "seen > LARGEST_PADDING",
    mutation: "another file behind the end of the archive",
    make: whole((parts) => [...parts, member("etc/cron.d/x", "x")]),
    code: "TAR_TRAILING",
  },
  {
    file: READ,
    site: "if (padding.length < length)",
    mutation: "a tar that ends in the padding of its last file",
    make: whole((parts) => [
      ...parts.slice(0, -1).slice(0, -1),
      (parts.at(-2) ?? END).slice(0, -10),
    ]),
    code: "TAR_CUT",
    behind: {
      says: "TAR_NO_END",
      why: "it is without an end too; the first one says inside which file",
    },
  },
  {
    file: READ,
    site: "TAR_PADDING",
    mutation: "bytes hidden behind a file",
    make: () => tarWith((one) => one.map((byte, at) => (at === one.length - 1 ? 1 : byte))),
    code: "TAR_PADDING",
  },
];
