/** `make demo`, as a person runs it: its claims hold, and it says so. */
import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { EXECUTABLE } from "../lab/places.ts";
import { skipWithoutLab } from "../lab/server.ts";

/** Executable and lab are built before the tests; here they count as done. */
const BUILT = ["dist/railiance-cluster", "lab-parts"].map((file) => `--old-file=${file}`);

describe.skipIf(skipWithoutLab())("make demo", () => {
  test("backs up, destroys and restores by the make targets; the same objects, the same CA", async () => {
    expect(await Bun.file(EXECUTABLE).exists()).toBe(true);
    const { MAKEFLAGS: _, MAKELEVEL: __, ...env } = process.env;
    const child = spawn("make", [...BUILT, "demo"], { env, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (said += text));
    }
    const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
    expect({ code, said: code === 0 ? "" : said }).toEqual({ code: 0, said: "" });
    for (const command of ["make backup", "make restore ARGS=--yes"]) {
      expect(said).toMatch(new RegExp(`^ +s1# .*${command}$`, "m"));
    }
    const answers = [...said.matchAll(/^ {3}(yes|NO ) {2}(.+)$/gm)].map(([, answer, claim]) => [
      answer,
      claim?.replace(/\d+/, "N"),
    ]);
    expect(answers).toEqual([
      ["yes", "all N objects are back with the same UIDs"],
      ["yes", "the object made after the backup is gone"],
      ["yes", "the client CA is the same"],
      ["yes", "helm list is as before"],
      ["yes", "helm get values is as before"],
    ]);
    expect(Number(/all (\d+) objects/.exec(said)?.[1])).toBeGreaterThan(20);
    expect(said).toContain("Done in ");
    expect(said).not.toContain("bashrc");
  }, 300_000);
});
