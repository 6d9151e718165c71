/** build/install.sh, as `make install` calls it: in place in one step, and found by PATH. */
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withFolder } from "../../helpers/folder.ts";

const SCRIPT = fileURLToPath(new URL("../../../build/install.sh", import.meta.url));

/** Runs it with a small program, in a folder that `prepare` fills. */
function install(
  prepare: (paths: Readonly<Record<"from" | "to" | "link", string>>) => void,
  look: (paths: Readonly<Record<"from" | "to" | "link", string>>) => unknown,
) {
  return withFolder((folder) => {
    const paths = {
      from: join(folder, "dist/program"),
      to: join(folder, "opt/bin/program"),
      link: join(folder, "local/bin/program"),
    };
    for (const name of ["dist", "local/bin"]) mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(paths.from, "#!/bin/sh\necho program 1.2.3\n", { mode: 0o700 });
    prepare(paths);
    const { status, stderr } = spawnSync(SCRIPT, [paths.from, paths.to, paths.link], {
      encoding: "utf8",
    });
    return Promise.resolve({ status, stderr: stderr.replaceAll(folder, ""), seen: look(paths) });
  });
}

describe("make install", () => {
  test("puts the program in place and links it to where PATH finds it, as often as it runs", async () => {
    const { status, stderr, seen } = await install(
      (paths) => spawnSync(SCRIPT, [paths.from, paths.to, paths.link]),
      ({ link }) => spawnSync(link, { encoding: "utf8" }).stdout,
    );
    expect({ status, stderr, seen }).toEqual({ status: 0, stderr: "", seen: "program 1.2.3\n" });
  });

  test("leaves alone what somebody else put there, and says what to type", async () => {
    const { status, stderr, seen } = await install(
      ({ link }) => writeFileSync(link, "theirs"),
      ({ link, to }) => [readFileSync(link, "utf8"), existsSync(to)],
    );
    expect({ status, seen }).toEqual({ status: 0, seen: ["theirs", true] });
    expect(stderr).toBe(
      "/local/bin/program is something else and stays; type /opt/bin/program instead of railiance-cluster\n",
    );
  });

  test("also links a program that is in place already", async () => {
    const { status, seen } = await install(
      ({ from, to, link }) => {
        spawnSync(SCRIPT, [from, to, "/dev/null/none"]);
        expect(existsSync(link)).toBe(false);
        spawnSync("rm", [from]);
      },
      ({ link, to }) => readlinkSync(link) === to,
    );
    expect({ status, seen }).toEqual({ status: 0, seen: true });
  });
});
