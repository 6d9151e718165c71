import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { createAtomicFile } from "../../../src/sys/atomic.ts";
import { withFolder } from "../../helpers/folder.ts";

/** `<linux/magic.h>`: nothing below that file system to forget into. */
const TMPFS = 0x01021994;
const inMemory = statfsSync(tmpdir()).type === TMPFS;
const noFincore = spawnSync("fincore", ["--version"]).error !== undefined;

/** Bytes of a file that the kernel holds in memory. */
function cached(path: string): number {
  const { stdout } = spawnSync("fincore", ["-nb", "-o", "res", path], { encoding: "utf8" });
  return Number(stdout.trim() || Number.NaN);
}

describe("createAtomicFile()", () => {
  test.skipIf(inMemory || noFincore)(
    "what was synced is no longer in memory: who reads it back reads the disk",
    async () => {
      await withFolder(async (folder) => {
        await using file = await createAtomicFile(`${folder}/large`);
        await file.write(new Uint8Array(4 * 1024 * 1024).fill(7));
        expect(cached(file.tempPath)).toBe(4 * 1024 * 1024);
        await file.sync();
        expect(cached(file.tempPath)).toBe(0);
      });
    },
  );
});
