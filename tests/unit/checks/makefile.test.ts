/** The Makefile, as somebody runs it from elsewhere. */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withFolder } from "../../helpers/folder.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

describe("make", () => {
  test("over ssh reads none of bash's start-up files", async () => {
    await withFolder(async (folder) => {
      writeFileSync(join(folder, ".bashrc"), "echo from-bashrc; echo $PS1\n");
      const env = { PATH: process.env["PATH"], HOME: folder, SSH_CLIENT: "192.0.2.1 50000 22" };
      const run = (program: string, argv: readonly string[]) =>
        spawnSync(program, argv, { cwd: ROOT, encoding: "utf8", env });
      // Debian's bash takes SSH_CLIENT for a reason to read them; without that this proves nothing.
      expect(run("bash", ["-c", "true"]).stdout).toStartWith("from-bashrc\n");
      const { status, stdout, stderr } = run("make", ["help"]);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      expect(stdout).toContain("write an encrypted backup");
      expect(stdout).not.toContain("from-bashrc");
    });
  });
});
