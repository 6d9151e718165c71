import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";

/** Flags of the pipe that `command` had as stderr, read by the shell after it ended; O_NONBLOCK is 04000. */
function pipeFlagsAfter(command: string): number {
  const script = `( ${command}; grep flags /proc/self/fdinfo/2 >&3 ) 3>&1 2>&1 >/dev/null | grep flags`;
  const { stdout } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  return Number.parseInt(stdout.replace(/\D+/g, ""), 8);
}

const BUN = process.execPath;

describe("the program", () => {
  test("leaves the pipes it was given as it found them", () => {
    expect(pipeFlagsAfter(`${BUN} src/main.ts list --dir /nonexistent`) & 0o4000).toBe(0);
  });

  test("would not, through the runtime's own streams (so the test above can fail)", () => {
    expect(pipeFlagsAfter(`${BUN} -e 'process.stderr.write("x")'`) & 0o4000).toBe(0o4000);
  });
});
