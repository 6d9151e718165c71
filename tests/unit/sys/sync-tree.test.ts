import { describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { syncTrees } from "../../../src/sys/sync-tree.ts";

describe("syncTrees()", () => {
  test("passes over what is missing, and does not follow links", async () => {
    const folder = await mkdtemp(join(tmpdir(), "railiance-sync-"));
    try {
      await mkdir(join(folder, "deep", "er"), { recursive: true });
      await writeFile(join(folder, "deep", "er", "file"), "content");
      await symlink("nowhere", join(folder, "deep", "link"));
      await syncTrees([
        join(folder, "deep"),
        join(folder, "missing"),
        join(folder, "deep/er/file"),
      ]);
      expect(await readFile(join(folder, "deep", "er", "file"), "utf8")).toBe("content");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  // What it is for is tested by power cuts in tests/fault.
  test("throws what the system says", async () => {
    await expect(syncTrees(["/proc/self/attr/current"])).rejects.toThrow(/invalid argument/i);
  });
});
