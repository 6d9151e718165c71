/** Tars with one fault each, and the code that each is refused with. */
import { END, join, member, put } from "../../helpers/tar.ts";

export const ONE = member("a", "hello");

export const WITH_PAX = (record: string): Uint8Array =>
  join(
    member("PaxHeaders/entry", record, (block) => put(block, 156, "x")),
    member("short", "hello"),
    END,
  );

/** Tars that are wrong in one place, and the code of the refusal. */
export const BROKEN: readonly (readonly [what: string, bytes: Uint8Array, code: string])[] = [
  [
    "an absolute name",
    join(
      member("aa", "x", (block) => put(block, 0, "/a")),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "a name with ..",
    join(
      member("a1/b", "x", (block) => put(block, 0, "../b")),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "a name with .",
    join(
      member("a/b", "x", (block) => put(block, 0, "./b")),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "a name with an empty part",
    join(
      member("a/bc", "x", (block) => put(block, 0, "a//c")),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "a folder's name",
    join(
      member("ab", "x", (block) => put(block, 0, "a/")),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "no name",
    join(
      member("a", "x", (block) => block.fill(0, 0, 100)),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "a backslash in a name",
    join(
      member("a", "x", (block) => put(block, 0, "a\\b")),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "a second name behind a NUL",
    join(
      member("a", "x", (block) => put(block, 0, "a\u0000b")),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "a line break in a name",
    join(
      member("a", "x", (block) => put(block, 0, "a\nb")),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "a name that is not UTF-8",
    join(
      member("ab", "x", (block) => block.fill(0xff, 0, 1)),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "a prefix that climbs",
    join(
      member("a", "x", (block) => put(block, 345, "..")),
      END,
    ),
    "TAR_NAME",
  ],
  ["a name that climbs in a pax record", WITH_PAX("13 path=../x\n"), "TAR_NAME"],
  [
    "a hard link",
    join(
      member("a", "", (block) => {
        put(block, 156, "1");
        put(block, 157, "b");
      }),
      END,
    ),
    "TAR_TYPE",
  ],
  [
    "a symbolic link",
    join(
      member("a", "", (block) => {
        put(block, 156, "2");
        put(block, 157, "/etc");
      }),
      END,
    ),
    "TAR_TYPE",
  ],
  [
    "a file with a link's target",
    join(
      member("a", "x", (block) => put(block, 157, "b")),
      END,
    ),
    "TAR_TYPE",
  ],
  [
    "a character device",
    join(
      member("a", "", (block) => put(block, 156, "3")),
      END,
    ),
    "TAR_TYPE",
  ],
  [
    "a block device",
    join(
      member("a", "", (block) => put(block, 156, "4")),
      END,
    ),
    "TAR_TYPE",
  ],
  [
    "a folder",
    join(
      member("a", "", (block) => put(block, 156, "5")),
      END,
    ),
    "TAR_TYPE",
  ],
  [
    "a named pipe",
    join(
      member("a", "", (block) => put(block, 156, "6")),
      END,
    ),
    "TAR_TYPE",
  ],
  [
    "a GNU long name",
    join(
      member("a", "x", (block) => put(block, 156, "L")),
      END,
    ),
    "TAR_TYPE",
  ],
  [
    "a global pax header",
    join(
      member("a", "x", (block) => put(block, 156, "g")),
      END,
    ),
    "TAR_TYPE",
  ],
  [
    "an unknown type",
    join(
      member("a", "x", (block) => put(block, 156, "Z")),
      END,
    ),
    "TAR_TYPE",
  ],
  ["a wrong checksum", join(withoutFix(ONE, 100, "7"), END), "TAR_CHECKSUM"],
  ["a header of garbage", join(new Uint8Array(512).fill(0x41), END), "TAR_CHECKSUM"],
  [
    "GNU's own magic",
    join(
      member("a", "x", (block) => put(block, 257, "ustar  \u0000")),
      END,
    ),
    "TAR_HEADER",
  ],
  [
    "a size in binary",
    join(
      member("a", "x", (block) => block.set([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 124)),
      END,
    ),
    "TAR_HEADER",
  ],
  [
    "a size of letters",
    join(
      member("a", "x", (block) => put(block, 124, "0000000000x")),
      END,
    ),
    "TAR_HEADER",
  ],
  ["a pax record for a link", WITH_PAX("14 linkpath=b\n"), "TAR_HEADER"],
  ["a pax record for a sparse file", WITH_PAX("22 GNU.sparse.major=1\n"), "TAR_HEADER"],
  ["a pax record twice", WITH_PAX("9 path=b\n9 path=c\n"), "TAR_HEADER"],
  ["a pax record with a wrong length", WITH_PAX("99 path=b\n"), "TAR_HEADER"],
  ["a pax size that is no number", WITH_PAX("10 size=1x\n"), "TAR_HEADER"],
  [
    "a pax header before nothing",
    join(
      member("p", "9 path=b\n", (block) => put(block, 156, "x")),
      END,
    ),
    "TAR_HEADER",
  ],
  [
    "bytes hidden in the padding",
    join(ONE.subarray(0, 600), new Uint8Array(424).fill(9), END),
    "TAR_PADDING",
  ],
  ["a cut in a header", ONE.subarray(0, 300), "TAR_CUT"],
  ["a cut in a body", ONE.subarray(0, 514), "TAR_CUT"],
  ["a cut in the padding", ONE.subarray(0, 600), "TAR_CUT"],
  ["no end mark", ONE, "TAR_NO_END"],
  ["nothing at all", new Uint8Array(0), "TAR_NO_END"],
  ["half an end mark", join(ONE, new Uint8Array(512)), "TAR_NO_END"],
  [
    "one zero block and then one that is not",
    join(ONE, new Uint8Array(512), new Uint8Array(512).fill(1)),
    "TAR_TRAILING",
  ],
  ["one zero block and then a member", join(ONE, new Uint8Array(512), ONE, END), "TAR_TRAILING"],
  ["data after the end", join(ONE, END, new Uint8Array([1])), "TAR_TRAILING"],
  ["a second archive after the end", join(ONE, END, ONE, END), "TAR_TRAILING"],
];

function withoutFix(bytes: Uint8Array, offset: number, text: string): Uint8Array {
  const copy = bytes.slice();
  put(copy, offset, text);
  return copy;
}
