/** No secret leaves the program but into the archive: not to a child's arguments or environment, not into what is said or kept. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { ARCHIVES, PROGRAM, giveKey, makeWorkload, wipeCluster } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

const DATA = "/var/lib/rancher/k3s/server";
const TRACE = "strace -f --seccomp-bpf -q -e trace=execve -s 65536 -v -o";
const AGENT_SECRET = "agentsecretagentsecret";

describe.skipIf(skipWithoutLab())("secrets of a cluster", () => {
  let server: BareServer;
  const secrets: string[] = [];

  beforeAll(async () => {
    // Fresh: with an agent token that the first start did not have, K3s holds its own cred/passwd for too new.
    server = await startBareServer({ fresh: true, config: `agent-token: ${AGENT_SECRET}\n` });
    const { secret } = await giveKey(server);
    await makeWorkload(server);
    secrets.push(secret, secret.slice(20, 50), AGENT_SECRET, "hunter2");
    for (const file of ["token", "cred/passwd", "tls/client-admin.key"]) {
      const text = server.read(`${DATA}/${file}`);
      secrets.push(...(text.match(/(?<=::server:)\w+|^\w{16,}(?=,)|^[\w+/=]{40,}$/gm) ?? []));
    }
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());

  /** Fails, without printing the secret, when one stands in `text`. */
  function expectClean(where: string, text: string): void {
    expect(text.length).toBeGreaterThan(0);
    const found = secrets.flatMap((secret, index) => (text.includes(secret) ? [index] : []));
    expect({ where, found }).toEqual({ where, found: [] });
  }

  test("there are enough of them for the checks below, which would see one", () => {
    expect(secrets.length).toBeGreaterThan(8);
    expect(() => expectClean("here", `argv ${secrets[4]}`)).toThrow();
  });

  test("stay out of arguments, environments, talk and files of a backup and of a restore", async () => {
    const env = { SOPS_AGE_KEY: secrets[0] ?? "" };
    const backup = await server.run(`${TRACE} /root/backup.trace ${PROGRAM} backup`, { env });
    expect(backup.exitCode).toBe(0);
    const ours = execs(server.read("/root/backup.trace"));
    expect(ours).toContain("etcd-snapshot");
    expect(ours).toContain("helm");
    expectClean("execve of backup", ours);
    expectClean("stderr", backup.stderr);
    expectClean("result file", server.read("/var/lib/railiance/results/cluster/backup.json"));
    expectClean("sidecar", server.read(`${backup.stdout.trim()}.json`));

    await server.must("systemctl stop k3s");
    await server.must(
      `mkdir /root/away && mv ${DATA} /root/away/ && mv /etc/rancher/k3s /root/away/etc`,
    );
    await wipeCluster(server);
    const restore = await server.run(
      `${TRACE} /root/restore.trace ${PROGRAM} restore --yes --json`,
      {
        timeout: 200_000,
      },
    );
    if (restore.exitCode !== 0) throw new Error(`restore: ${restore.stderr}`);
    const theirs = execs(server.read("/root/restore.trace"));
    expect(theirs).toContain("--cluster-reset");
    expectClean("execve of restore", theirs);
    expectClean("stderr", restore.stderr);
    expectClean("stdout", restore.stdout);
    expectClean("result file", server.read("/var/lib/railiance/results/cluster/restore.json"));
    const journals = await server.run(
      "cat /var/lib/railiance/cluster/*.journal* /var/lib/railiance/cluster/*/*journal* /var/lib/railiance/cluster/*/plan* 2>/dev/null; echo end",
    );
    expectClean("journal of the restore", journals.stdout);
    const log = await server.run("journalctl --no-pager -o cat | grep -v ^time= ; echo end");
    expectClean("journal of the host", log.stdout);
  }, 280_000);

  test("stand in the archive only encrypted", async () => {
    const { stdout } = await server.run(`cat ${ARCHIVES}/*.age | strings -n 12; echo end`);
    expectClean("archive", stdout);
  });
});

/** The execve lines but for the first: that one is the program's own, with the environment it was given. */
function execs(trace: string): string {
  return trace
    .split("\n")
    .filter((line) => line.includes("execve("))
    .slice(1)
    .join("\n");
}
