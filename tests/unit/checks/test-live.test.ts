/** `make test-live`: what is no K3s is refused in a sentence, and with a K3s nothing is skipped in silence. */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { troubleOf } from "../../../build/trouble.ts";
import { withFolder } from "../../helpers/folder.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** What the target asks first; the target itself would build the lab for a K3s that is taken. */
function asked(k3s: string): { readonly status: number | null; readonly said: string } {
  const { status, stderr } = spawnSync(join(ROOT, "tests/lab/k3s-bin.sh"), [k3s], {
    encoding: "utf8",
  });
  return { status, said: stderr };
}

async function askedWith(script: string, mode: number): Promise<ReturnType<typeof asked>> {
  return await withFolder(async (folder) => {
    const file = join(folder, "k3s");
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode });
    return asked(file);
  });
}

describe("K3S_BIN", () => {
  test("that is missing, no file or not executable is refused, each in one sentence", async () => {
    expect(asked("")).toEqual({ status: 2, said: expect.stringContaining("needs K3S_BIN=") });
    expect(asked("/nonexistent/k3s")).toEqual({
      status: 2,
      said: "test-live: there is no file /nonexistent/k3s (K3S_BIN)\n",
    });
    await withFolder(async (folder) => {
      mkdirSync(join(folder, "k3s"));
      expect(asked(join(folder, "k3s")).said).toContain("there is no file");
    });
    const plain = await askedWith("exit 0", 0o644);
    expect(plain).toEqual({ status: 2, said: expect.stringContaining("is not executable") });
  });

  test("that is another program is refused, and so is the lab's stand-in", async () => {
    const other = await askedWith("echo other 1.0", 0o755);
    expect(other).toEqual({
      status: 2,
      said: expect.stringContaining('is no K3s: to --version it says "other 1.0"'),
    });
    const standIn = await askedWith(
      'case $1 in --version) echo "k3s version v1.37.2+k3s1" ;; *) echo "k3s - LAB STAND-IN for K3s" ;; esac',
      0o755,
    );
    expect(standIn).toEqual({ status: 2, said: expect.stringContaining("the lab's stand-in") });
  });

  test("that calls itself K3s is taken", async () => {
    const taken = await askedWith('echo "k3s version v1.37.2+k3s1 (1ab1ab1a)"', 0o755);
    expect(taken).toEqual({ status: 0, said: "" });
  });

  test("is asked for before the lab is built", () => {
    // Not as a part of the `make test` this may run in: that one would say which folder it enters.
    const argv = ["--no-print-directory", "test-live", "K3S_BIN=/nonexistent"];
    const { status, stdout, stderr } = spawnSync("make", argv, { cwd: ROOT, encoding: "utf8" });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("there is no file /nonexistent (K3S_BIN)");
    expect(stderr).not.toContain("lab:");
  });

  test("that the lab cannot use is no reason to skip its tests", () => {
    const script =
      'const { skipWithoutLab } = await import("./tests/lab/places.ts"); console.log(skipWithoutLab());';
    const { stdout, stderr } = spawnSync(process.execPath, ["-e", script], {
      cwd: ROOT,
      encoding: "utf8",
      env: { PATH: process.env["PATH"], K3S_BIN: "/nonexistent" },
    });
    expect({ stdout, stderr }).toEqual({
      stdout: "false\n",
      stderr: expect.stringContaining("lab tests will fail: "),
    });
  });
});

describe("a suite", () => {
  const counts = { passed: 3, failed: [], skipped: ["one"] };

  test("with a skipped test has failed for whoever promised to run everything, and for nobody else", () => {
    const trouble = (env: Record<string, string>): string =>
      troubleOf(counts, { exitCode: 0, env });
    expect(trouble({})).toBe("");
    expect(trouble({ CI: "", K3S_BIN: "" })).toBe("");
    expect(trouble({ CI: "true" })).toBe("a skipped test, with CI set");
    expect(trouble({ K3S_BIN: "/root/k3s" })).toBe("a skipped test, with K3S_BIN set");
  });

  test("that ran nothing, or ended badly although no test failed, has failed", () => {
    const run = { exitCode: 1, env: {} };
    const nothing = { passed: 0, failed: [], skipped: [] };
    expect(troubleOf(nothing, run)).toBe("ran no test (exit 1)");
    expect(troubleOf({ ...nothing, passed: 1 }, run)).toBe("exit 1 although no test failed");
  });
});
