/** Who holds the lock, asked without taking it. */
import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { lockHolder } from "../../../src/sys/lock.ts";
import { withFolder } from "../../helpers/folder.ts";

describe("lockHolder()", () => {
  test("names the one that holds it, and nobody before and after; a file alone is no lock", async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/cluster.lock`;
      expect(await lockHolder(path)).toBe(undefined);
      writeFileSync(path, "backup, pid 1\n");
      expect(await lockHolder(path)).toBe(undefined);
      const child = spawn("flock", ["-x", path, "sh", "-c", "echo held; read -r line"], {
        stdio: ["pipe", "pipe", "inherit"],
      });
      await once(child.stdout, "data");
      expect(await lockHolder(path)).toBe("backup, pid 1");
      child.stdin.end("\n");
      await once(child, "close");
      expect(await lockHolder(path)).toBe(undefined);
    });
  });
});
