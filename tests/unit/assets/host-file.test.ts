import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addHostFile } from "../../../src/assets/host-file.ts";
import type { Collector, NewEntry } from "../../../src/assets/asset.ts";

let folder = "";
let added: { entry: NewEntry; content: string }[] = [];
let gaps: string[] = [];

const collector: Collector = {
  add: (entry, content) => {
    added.push({
      entry,
      content: typeof content === "string" ? content : new TextDecoder().decode(content),
    });
    return Promise.resolve();
  },
  addFile: () => undefined,
  addRelease: () => undefined,
  gap: ({ code }) => void gaps.push(code),
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "railiance-assets-"));
  added = [];
  gaps = [];
});
afterEach(() => rm(folder, { recursive: true }));

describe("addHostFile()", () => {
  test("keeps mode, owner and the path it goes back to", async () => {
    const path = join(folder, "config.yaml");
    await writeFile(path, "a: 1\n");
    await chmod(path, 0o640);
    expect(await addHostFile(collector, path, { kind: "config" })).toBe(true);
    expect(added[0]?.entry.mode).toBe(0o640);
    expect(added[0]?.entry.source).toBe(path);
    expect(added[0]?.entry.path).toBe(`files${path}`);
    expect(added[0]?.content).toBe("a: 1\n");
  });

  test("reads through a link and keeps the link's path", async () => {
    await writeFile(join(folder, "real"), "x");
    await symlink(join(folder, "real"), join(folder, "link"));
    await addHostFile(collector, join(folder, "link"), { kind: "config" });
    expect(added[0]?.content).toBe("x");
    expect(added[0]?.entry.source).toBe(join(folder, "link"));
  });

  test("passes over a missing file and a folder without a gap", async () => {
    expect(await addHostFile(collector, join(folder, "none"), { kind: "config" })).toBe(false);
    expect(await addHostFile(collector, folder, { kind: "config" })).toBe(false);
    expect(gaps).toEqual([]);
  });

  test("makes a gap of a file that is too large to be configuration", async () => {
    const path = join(folder, "disk.img");
    await writeFile(path, "");
    await truncate(path, 17 * 1024 * 1024);
    expect(await addHostFile(collector, path, { kind: "config" })).toBe(false);
    expect(gaps).toEqual(["FILE_TOO_LARGE"]);
  });

  test("makes a gap of a file that cannot be read", async () => {
    // A directory entry of procfs that refuses reads even to root.
    expect(await addHostFile(collector, "/proc/self/mem", { kind: "config" })).toBe(false);
    expect(gaps).toEqual(["FILE_UNREADABLE"]);
  });
});
