/** The options of `restore` that make an archive fit another host. */
import { describe, expect, test } from "bun:test";
import { fitOptionsOf } from "../../../src/cli/restore-fit.ts";
import { restoreCommand } from "../../../src/cli/restore.ts";
import { failureOf } from "../../helpers/errors.ts";

function options(...edits: string[]) {
  const input = {
    has: () => false,
    text: () => undefined,
    list: () => edits,
    positionals: [],
  };
  return fitOptionsOf(input, restoreCommand);
}

describe("--edit-address", () => {
  test("takes addresses of both families, names and interfaces", () => {
    expect(
      options("10.0.0.1=10.0.0.9", "fd00::1=fd00::9", "s1.example=s9", "eth0=ens3").edits,
    ).toEqual([
      { from: "10.0.0.1", to: "10.0.0.9" },
      { from: "fd00::1", to: "fd00::9" },
      { from: "s1.example", to: "s9" },
      { from: "eth0", to: "ens3" },
    ]);
  });

  test("refuses what would write anything else into a configuration, and edits that undo each other", async () => {
    for (const edits of [
      ["10.0.0.1"],
      ["10.0.0.1="],
      ["=10.0.0.1"],
      ["10.0.0.1=10.0.0.1"],
      ["10.0.0.1=x y"],
      ["10.0.0.1=x\ny: z"],
      ['10.0.0.1="'],
      ["10.0.0.1=10.0.0.2", "10.0.0.2=10.0.0.1"],
    ]) {
      const error = await failureOf(async () => options(...edits));
      expect([edits, error.exit]).toEqual([edits, "usage"]);
    }
  });
});
