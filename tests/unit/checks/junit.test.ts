/** `make test` counts what ran; a count that looks green by mistake would hide everything else. */
import { describe, expect, test } from "bun:test";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readJunit } from "../../../build/junit.ts";

const BUN = fileURLToPath(new URL("../../../node_modules/.bin/bun", import.meta.url));

const TESTS = `
import { describe, expect, test } from "bun:test";
describe("a <suite> & 'more'", () => {
  test("passes", () => expect(1).toBe(1));
  test("fails with </testcase> in its message", () => expect("</testcase><skipped/>").toBe("x"));
  test("throws", () => { throw new Error("<failure>"); });
  test.skip("is not <run>", () => {});
});
`;

describe("readJunit()", () => {
  test("counts what bun test really writes", async () => {
    const folder = await mkdtemp(join(tmpdir(), "junit-"));
    try {
      await writeFile(join(folder, "some.test.ts"), TESTS);
      const args = ["test", "--reporter=junit", "--reporter-outfile=out.xml", "some.test.ts"];
      await new Promise<void>((resolve) => {
        execFile(BUN, args, { cwd: folder }, () => resolve());
      });
      const { passed, failed, skipped } = readJunit(
        await readFile(join(folder, "out.xml"), "utf8"),
      );
      expect({ passed, skipped }).toEqual({ passed: 1, skipped: ["is not <run>"] });
      expect(failed.map(({ name }) => name)).toEqual([
        "a <suite> & 'more' > fails with </testcase> in its message (some.test.ts:5)",
        "a <suite> & 'more' > throws (some.test.ts:6)",
      ]);
      expect(failed[0]?.message.join("\n")).toContain('Expected: "x"');
      expect(failed[1]?.message.join("\n")).toContain("<failure>");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("counts nothing in an empty report", () => {
    expect(readJunit("<testsuites></testsuites>")).toEqual({ passed: 0, failed: [], skipped: [] });
  });
});
