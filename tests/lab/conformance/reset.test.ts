/** k3s-observed.md 3: `server --cluster-reset`, in place. */
import { describe, expect, test } from "bun:test";
import { DATA, RESTORE, authorityOf, baseAuthorityOf } from "./stage.ts";
import { stageForFile } from "./staged.ts";
import type { Stage } from "./stage.ts";

const RESET_DONE =
  'level=error msg="Shutdown request received: \\"Managed etcd cluster membership has been reset, restart without --cluster-reset flag now. Backup and delete ${datadir}/server/db on each peer etcd server and rejoin the nodes\\""';

let stage: Stage;
const SKIPPED = stageForFile((opened) => (stage = opened));

describe.skipIf(SKIPPED)("reset and restore, in place (3)", () => {
  test("the decisive lines, in order; exit 0; reset-flag is 0 bytes; the next start has the snapshot's data and CA; the flag goes away", async () => {
    await stage.pristine();
    const { exitCode, said } = await stage.reset();
    expect(exitCode).toBe(0);
    const at = [
      /Pre-restore etcd database moved to \/var\/lib\/rancher\/k3s\/server\/db\/etcd-old-\d{10}"/,
      /Cluster reset: backing up certificates directory to \/var\/lib\/rancher\/k3s\/server\/tls-\d{10}"/,
    ].map((pattern) => said.search(pattern));
    at.push(said.indexOf(RESET_DONE));
    expect(at.every((place) => place > 0)).toBe(true);
    expect(at.toSorted((one, other) => one - other)).toEqual(at);
    expect(await stage.names("server/db")).toEqual([
      "etcd",
      "etcd-old-N",
      "reset-flag",
      "snapshots",
    ]);
    expect(await stage.names("server")).toContain("tls-N");
    expect(await stage.server.must(`stat -c %s ${DATA}/server/db/reset-flag`)).toBe("0\n");
    expect((await stage.plain()).state).toBe("ready");
    expect(await stage.objects()).toEqual(["before"]);
    expect(await authorityOf(stage)).toBe(await baseAuthorityOf(stage));
    expect(await stage.names("server/db")).toContain("reset-flag");
    await stage.server.must(
      `for i in $(seq 300); do [ -e ${DATA}/server/db/reset-flag ] || exit 0; sleep 0.1; done; exit 1`,
    );
    expect(await stage.names("server/db")).toEqual(["etcd", "etcd-old-N", "snapshots"]);
    const peers = await stage.server.run(
      `cd ${DATA}/server/tls/etcd && /usr/local/lib/k3s-lab/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=server-ca.crt --cert=client.crt --key=client.key member list`,
    );
    expect(peers.stdout.trim().split("\n")).toHaveLength(1);
  });

  test("with k3s still running: exit 1, address already in use, nothing changed", async () => {
    await stage.pristine();
    await stage.plain();
    const before = await stage.names("server/db");
    const { exitCode, said } = await stage.reset();
    expect(exitCode).toBe(1);
    expect(said).toContain(
      'level=warning msg="Error starting load balancer: listen tcp 127.0.0.1:6444: bind: address already in use"',
    );
    expect(said).toEndWith(
      'level=fatal msg="Error: listen tcp 127.0.0.1:6444: bind: address already in use"',
    );
    expect(await stage.names("server/db")).toEqual(before);
    expect(await stage.objects()).toEqual(["after", "before"]);
  });

  test("snapshot path missing: exit 1, nothing moved", async () => {
    await stage.pristine();
    const { exitCode, said } = await stage.reset(["--cluster-reset-restore-path=/root/nosuch"]);
    expect(said).toContain(
      "start managed database: etcd: snapshot path does not exist: /root/nosuch",
    );
    expect(exitCode).toBe(1);
    expect(await stage.names("server/db")).toEqual(["etcd", "snapshots"]);
  });

  test("a relative path resolves against <data-dir>/server", async () => {
    await stage.pristine();
    await stage.server.must(`cp /root/good.snap ${DATA}/server/relative.snap`);
    expect((await stage.reset(["--cluster-reset-restore-path=relative.snap"])).exitCode).toBe(0);
  });

  test("--cluster-reset without a restore path and with reset-flag present: exit 1; without the flag it works", async () => {
    await stage.pristine();
    expect((await stage.reset([])).exitCode).toBe(0);
    const { exitCode, said } = await stage.reset([]);
    expect(exitCode).toBe(1);
    expect(said).toContain(
      `start managed database: Managed etcd cluster membership was previously reset, please remove the cluster-reset flag and start k3s normally. If you need to perform another cluster reset, you must first manually delete the file at ${DATA}/server/db/reset-flag`,
    );
  });

  test("kill -9 after each step of a reset: the next plain start comes up with the snapshot's data", async () => {
    for (const step of ["2", "4"]) {
      await stage.pristine("cluster-init: true\n");
      const { exitCode } = await stage.reset([RESTORE], {
        K3S_LAB_FAULTS: `reset-die-after ${step}`,
      });
      expect(exitCode).toBe(137);
      await stage.server.must(
        "for i in $(seq 100); do pgrep 'etcd|kine|kube' >/dev/null || exit 0; sleep 0.1; done; exit 1",
      );
      expect((await stage.plain()).state).toBe("ready");
      expect(await stage.objects()).toEqual(["before"]);
      await stage.stop();
    }
  });

  test("other hostname and IP: works; the old Node stays", async () => {
    await stage.newHost(`token: ${stage.secret}\nnode-name: other\nnode-ip: 10.99.0.7\n`);
    await stage.server.must("ip addr add 10.99.0.7/32 dev lo 2>/dev/null || true");
    expect((await stage.reset()).exitCode).toBe(0);
    expect((await stage.plain()).state).toBe("ready");
    expect(await stage.objects()).toEqual(["before"]);
    const nodes = await stage.server.kubectl("get", "nodes", "--output=name");
    expect(nodes).toBe("node/other\nnode/s1\n");
  });

  test(".zip restore is broken by absolute path: exit 1, nothing moved", async () => {
    await stage.pristine();
    const { exitCode, said } = await stage.reset(["--cluster-reset-restore-path=/root/good.zip"]);
    expect(exitCode).toBe(1);
    expect(said).toContain("etcd: snapshot path does not exist: /root/good.zip");
    await stage.server.must("cp /root/good.snap /root/good.zip");
    const present = await stage.reset(["--cluster-reset-restore-path=/root/good.zip"]);
    expect(present.said).toContain(
      `start managed database: open ${DATA}/server/db/snapshots/root/good.zip: no such file or directory`,
    );
    expect(present.exitCode).toBe(1);
    expect(await stage.names("server/db")).toEqual(["etcd", "snapshots"]);
    expect(await stage.names("server/db/etcd")).toEqual(["config", "member", "name"]);
  });
});
