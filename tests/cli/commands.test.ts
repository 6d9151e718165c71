/** Combinations of flags that make no sense are refused before anything is looked at. */
import { describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { COMPILED, run, temporaryFolder } from "./program.ts";

/** Made for this test; opens nothing. */
const KEY = "AGE-SECRET-KEY-12WUGSF44KRG9LW42E9W2N9JVYYZZEVNWUUZUMY2PNZSK7HTD7YDQKXC9MZ";

async function usageOf(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await run([COMPILED, ...argv]);
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  return stderr;
}

describe("restore", () => {
  test("refuses flags that contradict each other", async () => {
    expect(await usageOf("restore", "--resume", "--rollback")).toContain(
      "restore takes either --resume or --rollback",
    );
    expect(await usageOf("restore", "--plan", "--resume")).toContain("either --plan or --resume");
    expect(await usageOf("restore", "--rollback", "x")).toContain("with the archive it began with");
  });

  test("refuses what a restore that goes on or back would not look at", async () => {
    const ignored = {
      "--resume": ["--keep", "--previous"],
      "--rollback": ["--force", "--keep", "--previous"],
    };
    for (const [way, flags] of Object.entries(ignored)) {
      for (const flag of flags) {
        expect(await usageOf("restore", way, flag)).toContain(
          `restore ${way} keeps to the plan it began with: leave ${flag} out`,
        );
      }
    }
  });

  test("takes --force beside --resume: an address of another server may be another machine's by now", async () => {
    const { code, stderr } = await run([COMPILED, "restore", "--resume", "--force"]);
    expect(code).not.toBe(2);
    expect(stderr).not.toContain("leave --force out");
  });
});

describe("extract", () => {
  test("wants to be told where to write", async () => {
    expect(await usageOf("extract", "RUNBOOK.md")).toContain("extract needs --output FOLDER");
    const both = await run([COMPILED, "extract", "RUNBOOK.md", "-o", "-", "--json"]);
    expect(both.code).toBe(2);
    expect(JSON.parse(both.stdout).error.message).toContain("both want standard output");
  });
});

describe("verify", () => {
  test("takes either all archives or named ones", async () => {
    expect(await usageOf("verify", "--all", "x")).toContain("either --all or names");
  });

  test("exits 4 and prints nothing on stdout for a file that is no archive", async () => {
    await using folder = await temporaryFolder();
    const name = "railiance-cluster_prod_s1_20261123T023107Z_0a0a0a0a.tar.zst.age";
    await writeFile(join(folder.path, name), "not an archive at all");
    const env = { SOPS_AGE_KEY: KEY };
    const { code, stdout, stderr } = await run([COMPILED, "verify", "--dir", folder.path], { env });
    expect({ code, stdout }).toEqual({ code: 4, stdout: "" });
    expect(stderr.match(/^error: /gm)).toHaveLength(1);
    expect(stderr).not.toContain("AGE-SECRET-KEY");
    const json = await run([COMPILED, "verify", "--all", "--json", "--dir", folder.path], { env });
    expect(json.code).toBe(4);
    expect(JSON.parse(json.stdout)).toMatchObject({
      status: "verify-failed",
      archives: [{ path: join(folder.path, name), status: "verify-failed" }],
    });
  });
});
