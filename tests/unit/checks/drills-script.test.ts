/** build/drills.sh, as CI runs it: a drill that is told to stop is waited for, and nothing is killed after a failure. */
import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { withFolder } from "../../helpers/folder.ts";

const SCRIPT = fileURLToPath(new URL("../../../build/drills.sh", import.meta.url));

/** Stands in for the executable: writes down what it is told, puts back on TERM, and takes its time for it. */
const PROGRAM = `#!/usr/bin/env bash
echo "$*" >> ran
put_back() { sleep 0.4; echo "put back" >> ran; exit 143; }
case $3 in
  *long*) trap put_back TERM INT HUP; touch began; while :; do sleep 0.05; done ;;
  *failing*) exit 12 ;;
esac
`;

interface Ended {
  readonly code: number | null;
  readonly ran: string[];
  readonly stderr: string;
}

/** Runs the script under `timeout`, as the workflow does, in a folder with these drills. */
function runDrills(
  drills: readonly string[],
  options: { readonly args?: readonly string[]; readonly stop?: NodeJS.Signals } = {},
): Promise<Ended> {
  return withFolder(async (folder) => {
    writeFileSync(join(folder, "program"), PROGRAM, { mode: 0o755 });
    mkdirSync(join(folder, "ha/drills"), { recursive: true });
    for (const name of drills) writeFileSync(join(folder, "ha/drills", name), "");
    const child = spawn("timeout", ["--kill-after=1m", "5m", SCRIPT, ...(options.args ?? [])], {
      cwd: folder,
      env: { PATH: process.env["PATH"], RAILIANCE_CLUSTER: join(folder, "program") },
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.on("data", (chunk: Uint8Array) => (stderr += new TextDecoder().decode(chunk)));
    const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
    const closed = new Promise((resolve) => child.on("close", resolve));
    if (options.stop !== undefined) {
      while (!existsSync(join(folder, "began"))) await Bun.sleep(10);
      child.kill(options.stop);
    }
    const code = await ended;
    // Now, before anything that it left running could write more.
    const log = join(folder, "ran");
    const ran = existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
    await closed;
    return { code, ran, stderr };
  });
}

describe("drills in CI", () => {
  test("run one after the other, without asking", async () => {
    const { code, ran } = await runDrills(["a.yaml", "b.yaml", "notes.txt"]);
    expect([code, ran]).toEqual([
      0,
      ["ha drill ha/drills/a.yaml --yes", "ha drill ha/drills/b.yaml --yes"],
    ]);
  });

  test("may be a single one, whose name is no part of any command", async () => {
    const name = "ha/drills/$(touch x); a.yaml";
    const { code, ran } = await runDrills(["a.yaml"], { args: [name] });
    expect([code, ran]).toEqual([0, [`ha drill ${name} --yes`]]);
  });

  test("end with the exit code of the first that did not pass, and kill nothing more", async () => {
    const { code, ran, stderr } = await runDrills(["1-failing.yaml", "2.yaml"]);
    expect([code, ran]).toEqual([12, ["ha drill ha/drills/1-failing.yaml --yes"]]);
    expect(stderr).toContain("the drills after it were not run");
  });

  for (const [stop, exit] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
    ["SIGHUP", 143],
  ] as const) {
    test(`told to stop by ${stop}, end the running drill, wait until it has put back, and start no other`, async () => {
      const { code, ran } = await runDrills(["1-long.yaml", "2.yaml"], { stop });
      expect(ran).toEqual(["ha drill ha/drills/1-long.yaml --yes", "put back"]);
      expect(code).toBe(exit);
    });
  }

  test("that are not there are no success", async () => {
    const { code, stderr } = await runDrills([]);
    expect(code).toBe(12);
    expect(stderr).toContain("proves nothing");
  });
});
