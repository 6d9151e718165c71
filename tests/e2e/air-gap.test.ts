/** On a server without network and with an empty environment, the executable talks to the local API server and to nobody else. */
import { describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { PROGRAM, giveKey, makeWorkload, wipeCluster } from "./workload.ts";

/** Peers that may be connected to: this host, and names of local sockets. */
const LOCAL =
  /inet_addr\("(127\.\d+\.\d+\.\d+|10\.99\.0\.1)"\)|inet_pton\(AF_INET6, "::1"|AF_UNIX|AF_NETLINK|AF_UNSPEC/;

/** Every `connect` and `sendto` with an address in a trace, one a line, without those that stay on this host. */
function foreignPeers(trace: string): string[] {
  return trace.split("\n").filter((line) => line.includes("sa_family=") && !LOCAL.test(line));
}

describe.skipIf(skipWithoutLab())("the executable in an air gap", () => {
  test("backup and restore reach nobody but the local API server", async () => {
    await using server = await startBareServer();
    await giveKey(server);
    await makeWorkload(server);
    expect((await server.run("command -v tar age zstd sqlite3 curl node")).stdout).toBe("");
    const trace = "strace -f -q -e trace=connect,sendto,sendmsg -e signal=none -o";

    const backup = await server.run(`env -i ${trace} /root/backup.trace ${PROGRAM} backup`, {
      timeout: 120_000,
    });
    expect(backup.exitCode).toBe(0);
    const backupTrace = server.read("/root/backup.trace");
    expect(backupTrace).toContain("htons(6443)");
    expect(foreignPeers(backupTrace)).toEqual([]);

    await wipeCluster(server);
    const restore = await server.run(
      `env -i ${trace} /root/restore.trace ${PROGRAM} restore --yes`,
      {
        timeout: 280_000,
      },
    );
    expect(restore.exitCode).toBe(0);
    expect(foreignPeers(server.read("/root/restore.trace"))).toEqual([]);
  }, 420_000);

  test("the check itself sees a connection that leaves the host", () => {
    expect(
      foreignPeers(
        'connect(3, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.1")}, 16) = 0',
      ),
    ).toHaveLength(1);
  });
});
