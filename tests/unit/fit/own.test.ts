/** Settings that only this host has: named, for K3s reads them beside the archive's. */
import { describe, expect, test } from "bun:test";
import { ownSettings } from "../../../src/app/fit-own.ts";
import { GUARD_FILE } from "../../../src/k3s/guard.ts";
import type { SettingsFile } from "../../../src/app/fit-addresses.ts";

function file(path: string, text: string, restored = false): SettingsFile {
  return { path, text, restored, kind: "config" };
}

describe("ownSettings()", () => {
  test("names what the archive does not have, and nothing that it puts in place", () => {
    const files = [file("/a.yaml", "tls-san: x\n"), file("/b.yaml", "debug: true\n", true)];
    expect(ownSettings(files)).toEqual(["/a.yaml"]);
  });

  test("leaves out files that set nothing", () => {
    const empty = ["", "\n\n", "# a comment\n", "; one\n", "---\n# yaml\n", "[Service]\n\n"];
    expect(ownSettings(empty.map((text, index) => file(`/${index}`, text)))).toEqual([]);
    const some = ["# one\nK3S_DEBUG=1\n", "[Service]\nNice=5\n", "---\ndebug: true\n", "- x"];
    expect(ownSettings(some.map((text, index) => file(`/${index}`, text)))).toEqual([
      "/0",
      "/1",
      "/2",
      "/3",
    ]);
  });

  test("leaves out the guard of a restore, which goes away with it", () => {
    expect(ownSettings([file(GUARD_FILE, "[Unit]\nConditionPathExists=!/x\n")])).toEqual([]);
  });
});
