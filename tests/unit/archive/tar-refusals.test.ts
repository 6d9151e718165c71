import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readTar } from "../../../src/archive/tar-read.ts";
import { streamOf } from "../../helpers/archive.ts";
import { failureOf } from "../../helpers/errors.ts";
import { END, join, member } from "../../helpers/tar.ts";
import { ONE, WITH_PAX, BROKEN } from "./broken-tars.ts";

async function readAll(stream: ReadableStream<Uint8Array>): Promise<string[]> {
  const tar = readTar(stream);
  const paths: string[] = [];
  for (let header = await tar.next(); header !== undefined; header = await tar.next()) {
    paths.push(header.path);
  }
  return paths;
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
