import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readTar } from "../../../src/archive/tar-read.ts";
import { streamOf } from "../../helpers/archive.ts";
import { failureOf } from "../../helpers/errors.ts";
import { END, join, member, put } from "../../helpers/tar.ts";

async function readAll(stream: ReadableStream<Uint8Array>): Promise<string[]> {
  const tar = readTar(stream);
  const paths: string[] = [];
  for (let header = await tar.next(); header !== undefined; header = await tar.next()) {
    paths.push(header.path);
  }
  return paths;
}

const ONE = member("a", "hello");
const WITH_PAX = (record: string): Uint8Array =>
  join(
    member("PaxHeaders/entry", record, (block) => put(block, 156, "x")),
    member("short", "hello"),
    END,
  );

/** Tars that are wrong in one place, and the code of the refusal. */
const BROKEN: readonly (readonly [what: string, bytes: Uint8Array, code: string])[] = [
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

describe("readTar() refuses", () => {
  for (const [what, bytes, code] of BROKEN) {
    test(what, async () => {
      const error = await failureOf(() => readAll(streamOf(bytes)));
      expect([error.code, error.exit]).toEqual([code, "verifyFailed"]);
      // eslint-disable-next-line no-control-regex -- a name from outside must not reach the terminal raw
      expect(error.message).toMatch(/^[^\u0000-\u001f]*[^.\u0000-\u001f]$/);
    });
  }

  test("a whole tar is not refused: each of the above is refused for its one fault", async () => {
    expect(await readAll(streamOf(join(ONE, END)))).toHaveLength(1);
    expect(await readAll(streamOf(WITH_PAX("9 path=b\n")))).toHaveLength(1);
  });

  test("any cut, and any change of a header byte that is not padding", async () => {
    const whole = join(member("a/b", "hello"), member("c", "y"), END);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (length) => {
        await failureOf(() => readAll(streamOf(whole.subarray(0, length))));
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 511 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, change) => {
          const copy = whole.slice();
          copy[at] = (copy[at] ?? 0) ^ change;
          if ((at === 155 || at === 154) && [0, 0x20].includes(copy[at] ?? 0)) return; // either ends the number
          await failureOf(() => readAll(streamOf(copy)));
        },
      ),
      { numRuns: 300 },
    );
  });
});
