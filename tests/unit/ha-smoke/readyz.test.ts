/** `readyz`, by what kubectl answers. */
import { expect, test } from "bun:test";
import { checkReadyz } from "../../../src/ha/checks/cluster.ts";
import type { Cluster } from "../../../src/ha/cluster.ts";

function answering(stdout: string, exitCode = 0): Cluster {
  return {
    server: { k3s: "k3s", kubeconfig: "/k", dataDir: "/d" },
    host: {
      env: {},
      hostname: "s1",
      uid: 0,
      signal: new AbortController().signal,
      now: () => new Date(0),
      monotonic: () => 0,
      run: (command) =>
        Promise.resolve({
          command,
          exitCode,
          exitSignal: null,
          timedOut: false,
          stdout,
          stderr: "",
          duration: 1,
        }),
    },
  };
}

test("ready is every line with a plus; one without, a failed kubectl, or no line at all is not", async () => {
  const said = async (stdout: string, exitCode?: number) =>
    await checkReadyz(answering(stdout, exitCode), 1_000);
  expect(await said("[+]ping ok\n[+]etcd ok\nreadyz check passed\n")).toEqual({
    passed: true,
    detail: "API server ready, 2 checks",
  });
  const failed = await said("[+]ping ok\n[-]etcd failed: reason withheld\n", 1);
  expect(failed).toMatchObject({ passed: false });
  expect(failed.detail).toContain("[-]etcd failed");
  expect((await said("[+]ping ok\n[-]etcd failed\n")).passed).toBe(false);
  expect((await said("[+]ping ok\n", 1)).passed).toBe(false);
  expect((await said("")).passed).toBe(false);
});
