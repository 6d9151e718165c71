/** Checks of a member's header, and of the pax header before it. */
import { put } from "../../helpers/tar.ts";
import { CONFIG, header, pax, record, tarWith } from "./tars.ts";
import type { Row } from "./row.ts";

const HEADER = "archive/tar-header.ts";
const PAX = "archive/tar-pax.ts";

export const TAR_HEADER_ROWS: readonly Row[] = [
  {
    file: HEADER,
    site: "TAR_CHECKSUM",
    mutation: "a tar header with a wrong checksum",
    make: () => tarWith((one) => one.map((byte, at) => (at === 120 ? byte ^ 1 : byte))),
    code: "TAR_CHECKSUM",
  },
  {
    file: HEADER,
    site: "is not of the ustar format",
    mutation: "a header in GNU's format",
    make: header((block) => put(block, 257, "ustar  \0")),
    code: "TAR_HEADER",
  },
  {
    file: HEADER,
    site: "is a link",
    mutation: "a file that also names a target",
    make: header((block) => put(block, 157, "/etc/shadow")),
    code: "TAR_TYPE",
  },
  {
    file: HEADER,
    site: "in the archive ${problem}",
    mutation: "a member that goes to ../..",
    make: header((block) => put(block, 0, "../../etc/x\0".padEnd(100, "\0"))),
    code: "TAR_NAME",
    behind: {
      says: "ENTRY_UNLISTED",
      why: "the manifest has the same rule for the names it lists",
    },
  },
  {
    file: HEADER,
    site: "only regular files belong there",
    off: [
      [
        '  throw refused("TAR_TYPE", `the archive holds ${kind}',
        '  return "file"; refused("TAR_TYPE", `the archive holds ${kind}',
      ],
    ],
    mutation: "a member that is a symbolic link",
    make: header((block) => put(block, 156, "2")),
    code: "TAR_TYPE",
  },
  {
    file: HEADER,
    site: "goes on after a NUL byte",
    mutation: "a second name hidden behind the first one's end",
    make: header((block) => put(block, 90, "x")),
    code: "TAR_NAME",
  },
  {
    file: HEADER,
    site: "is not an octal number",
    off: [
      [
        '  throw refused("TAR_HEADER", `a tar header\'s ${field.what}',
        '  return 0; refused("TAR_HEADER", `a tar header\'s ${field.what}',
      ],
    ],
    mutation: "a time that is no number",
    make: header((block) => put(block, 136, "never")),
    code: "TAR_HEADER",
  },
  {
    file: PAX,
    site: "twice",
    mutation: "a pax header with two paths",
    make: pax(record(`path=x`) + record(`path=${CONFIG}`)),
    code: "TAR_HEADER",
  },
  {
    file: PAX,
    site: "has a record",
    mutation: "a pax header that makes the file a link",
    make: pax(record("linkpath=/etc/shadow")),
    code: "TAR_HEADER",
  },
  {
    file: PAX,
    site: "is malformed",
    off: [
      [
        '    if (!complete) throw refused("TAR_HEADER", "a pax header is malformed");',
        "    if (!complete) return;",
      ],
    ],
    mutation: "a pax header of rubbish",
    make: pax("rubbish"),
    code: "TAR_HEADER",
  },
  {
    file: PAX,
    site: "size is not a number",
    off: [
      ['  throw refused("TAR_HEADER", "a pax header\'s size is not a number");', "  return 97;"],
    ],
    mutation: "a pax header with a size that is no number",
    make: pax(record("size=many")),
    code: "TAR_HEADER",
  },
];
