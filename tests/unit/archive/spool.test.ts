import { describe, expect, test } from "bun:test";
import { createSpool } from "../../../src/sys/spool.ts";
import { entriesIn } from "../../../src/sys/folder-entries.ts";
import { collect, streamOf } from "../../helpers/archive.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";

const FIRST = crypto.getRandomValues(new Uint8Array(10_000));
const SECOND = crypto.getRandomValues(new Uint8Array(3));

describe("createSpool()", () => {
  test("holds several streams one after another without ever having a name", async () => {
    await withFolder(async (folder) => {
      await using spool = await createSpool(folder);
      expect(treeOf(folder)).toEqual([]);
      const first = await spool.append(streamOf(FIRST, 999));
      const second = await spool.append(streamOf(SECOND));
      expect(treeOf(folder)).toEqual([]);
      expect(await collect(first.stream())).toEqual(FIRST);
      expect(await collect(second.stream())).toEqual(SECOND);
      expect(await first.read(5000, 100)).toEqual(FIRST.slice(5000, 5100));
    });
  });

  test("does not let one range be read through another", async () => {
    await withFolder(async (folder) => {
      await using spool = await createSpool(folder);
      const first = await spool.append(streamOf(FIRST));
      await spool.append(streamOf(SECOND));
      await expect(first.read(FIRST.length - 1, 2)).rejects.toThrow("the range has 10000");
      await expect(first.read(-1, 2)).rejects.toThrow("the range has 10000");
    });
  });
});

describe("entriesIn()", () => {
  test("is undefined for what is no folder", async () => {
    expect(await entriesIn("/nonexistent")).toBeUndefined();
    expect(await entriesIn("/etc/passwd")).toBeUndefined();
  });
});
