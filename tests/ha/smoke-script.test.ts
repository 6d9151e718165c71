/** smoke_kube.sh itself: clean by shellcheck, and honest where there is nothing to ask. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const SCRIPT = join(import.meta.dirname, "../smoke_kube.sh");

test("shellcheck finds nothing", () => {
  const { status, stdout } = spawnSync("shellcheck", [SCRIPT], { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});

test("without executable, k3s and kubectl it says so, and exits 5", () => {
  const env = { PATH: "/usr/bin:/bin", SMOKE_KUBECTL_ONLY: "1" };
  const { status, stdout, stderr } = spawnSync("/bin/sh", [SCRIPT], { env, encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 5, stdout: "" });
  expect(stderr).toContain("neither railiance-cluster nor kubectl nor k3s");
});
