/** smoke_kube.sh itself: clean by shellcheck, and honest where there is nothing to ask. */
import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SCRIPT = join(import.meta.dirname, "../smoke_kube.sh");

test("shellcheck finds nothing", () => {
  const { status, stdout } = spawnSync("shellcheck", [SCRIPT], { encoding: "utf8" });
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
});

/** The script where a program of that name is all there is beside what it needs. */
function runWith(name: string, text: string) {
  const folder = mkdtempSync(join(tmpdir(), "railiance-ha-"));
  try {
    for (const tool of ["dirname", "awk", "sed", "tr", "grep", "tail", "wc"]) {
      symlinkSync(`/usr/bin/${tool}`, join(folder, tool));
    }
    writeFileSync(join(folder, name), text, { mode: 0o755 });
    const env = { PATH: folder, SMOKE_KUBECTL_ONLY: "1" };
    const { status, stdout, stderr } = spawnSync("/bin/sh", [SCRIPT], { env, encoding: "utf8" });
    return { status, stdout, stderr };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("without executable, k3s and kubectl it says so, and exits 5", () => {
  const { status, stdout, stderr } = runWith("something-else", "#!/bin/sh\n");
  expect({ status, stdout }).toEqual({ status: 5, stdout: "" });
  expect(stderr).toContain("neither railiance-cluster nor kubectl nor k3s");
});

test("a kubectl that cannot reach the cluster passes no check", () => {
  const refused = "#!/bin/sh\necho 'E1123 connection refused' >&2\nexit 1\n";
  const { status, stdout } = runWith("kubectl", refused);
  expect(status).toBe(12);
  const points = stdout.split("\n").filter((line) => /^(not )?ok /.test(line));
  expect(points.filter((line) => !line.includes("# SKIP")).map((line) => line.slice(0, 6))).toEqual(
    Array.from({ length: 8 }, () => "not ok"),
  );
  expect(stdout).toContain(
    'message: "UNREADABLE: kubectl get services failed UNREADABLE: kubectl get daemonsets failed"',
  );
});
