/** The commands of README.md work as they stand there. */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { KEY_FILE, PROGRAM, giveKey, makeWorkload } from "./workload.ts";

/** Every line of every ```sh block. */
function commandsIn(markdown: string): string[] {
  return [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block]) =>
    (block ?? "").split("\n").filter((line) => line !== ""),
  );
}

const commands = commandsIn(readFileSync("README.md", "utf8"));

describe("README.md", () => {
  test("names only targets that make knows", () => {
    const targets = commands.filter((command) => command.startsWith("make "));
    expect(targets.length).toBeGreaterThan(2);
    for (const command of targets) {
      const dry = command.replace("make ", "make --dry-run ");
      expect([command, spawnSync("sh", ["-c", dry], { stdio: "ignore" }).status]).toEqual([
        command,
        0,
      ]);
    }
  });

  test.skipIf(skipWithoutLab())(
    "shows commands that work on a server, in their order",
    async () => {
      await using server = await startBareServer({ tools: ["age", "zstd", "tar"] });
      await giveKey(server);
      await makeWorkload(server);
      const shown = commands.filter((command) => !command.startsWith("make "));
      expect(shown.length).toBeGreaterThan(4);
      for (const command of shown) {
        const real = command
          .replace(/^railiance-cluster/, PROGRAM)
          .replace("KEY", KEY_FILE)
          .replace("ARCHIVE", "/opt/backup/railiance/cluster/*.age");
        const result = await server.run(real, { timeout: 120_000 });
        expect([command, result.exitCode, result.exitCode === 0 ? "" : result.stderr]).toEqual([
          command,
          0,
          "",
        ]);
        expect(result.stdout).not.toBe("");
      }
    },
    240_000,
  );
});
