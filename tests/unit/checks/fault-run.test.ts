/** `make test-faults` in which no fault was tried: it has failed, and says why. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const RUN = fileURLToPath(new URL("../../fault/run.ts", import.meta.url));

function run(family: string, tests: string): ReturnType<typeof spawnSync> {
  return spawnSync(process.execPath, [RUN, family], {
    encoding: "utf8",
    env: { ...process.env, FAULT_ROUNDS: "1", FAULT_TESTS: tests },
  });
}

test("a pattern that names no test is said, instead of a table without a loss", () => {
  const { status, stdout, stderr } = run("verifier", "no such test");
  expect(status).toBe(1);
  expect(stderr).toContain(
    'nothing was tried: FAULT_TESTS="no such test" names no test that counts rounds in tests/fault/verifier.test.ts\n',
  );
  expect(stdout).not.toContain("Survived");
});

test("a family that there is not is said, with those that there are", () => {
  const { status, stderr } = run("nosuch", "");
  expect(status).toBe(1);
  expect(stderr).toMatch(/no test of faults begins with "nosuch"; there are .*verifier\.test\.ts/);
});
