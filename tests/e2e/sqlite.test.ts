/** K3s's default single server keeps its data in SQLite: backed up beside it, destroyed, brought back. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import {
  ARCHIVES,
  KEY_FILE,
  PROGRAM,
  giveKey,
  makeWorkload,
  stateOf,
  wipeCluster,
  withoutTransient,
} from "./workload.ts";
import { expectHeldBack, signalledAt } from "./restore-host.ts";
import type { BareServer } from "../lab/server.ts";
import type { ClusterState } from "./workload.ts";

const SERVER = "/var/lib/rancher/k3s/server";
const DB = `${SERVER}/db`;

/** Names of plaintext that a run should have wiped. */
async function leftovers(server: BareServer): Promise<string> {
  const { stdout } = await server.run(
    "ls -d /dev/shm/railiance-* /run/railiance-stage-* /var/tmp/railiance-* /var/lib/railiance/cluster/railiance-stage-* /var/lib/railiance/cluster/restore-*/archive 2>/dev/null; true",
  );
  return stdout.trim();
}

async function expectSame(server: BareServer, before: ClusterState): Promise<void> {
  const after = await stateOf(server);
  expect(withoutTransient(after.uids)).toEqual(withoutTransient(before.uids));
  expect(after.clientAuthority).toBe(before.clientAuthority);
  expect(JSON.parse(after.helmList)).toEqual(JSON.parse(before.helmList));
  expect(after.helmValues).toBe(before.helmValues);
  await expect(server.kubectl("get", "configmap", "after")).rejects.toThrow("not found");
}

/** Something worth saving, once the controllers have made what they add to it. */
async function workloadState(server: BareServer): Promise<ClusterState> {
  await makeWorkload(server);
  await server.must(
    "until k3s kubectl -n shop get serviceaccount/default configmap/kube-root-ca.crt; do sleep 0.2; done",
    { timeout: 60_000 },
  );
  return await stateOf(server);
}

/** The commands of every ```sh block, in order. */
function shellBlocks(markdown: string): string[] {
  return [...markdown.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block ?? "");
}

describe.skipIf(skipWithoutLab())("backup and restore of a server on SQLite", () => {
  let server: BareServer;
  let before: ClusterState;
  let archive = "";
  let runbook = "";

  beforeAll(async () => {
    server = await startBareServer({ datastore: "sqlite", tools: ["age", "zstd", "tar"] });
    await giveKey(server);
    before = await workloadState(server);
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test("backup works with an empty environment beside a running K3s, and leaves its files alone", async () => {
    const mark = `stat -c '%n %i %a %U' ${DB}/state.db ${DB}/state.db-wal; ls ${DB}`;
    const first = await server.run(mark);
    const result = await server.run(`env -i ${PROGRAM} backup`);
    expect(result.stderr).toContain("integrity ok, opens with this server's token");
    expect(result.exitCode).toBe(0);
    archive = result.stdout.trim();
    expect(archive.startsWith(`${ARCHIVES}/railiance-cluster_`)).toBe(true);
    expect((await server.run(mark)).stdout).toBe(first.stdout);
    expect((await server.run("systemctl is-active k3s")).stdout.trim()).toBe("active");
    expect(await leftovers(server)).toBe("");
  }, 60_000);

  test("the copy is the last entry, and opens as a database with every object, the newest too", async () => {
    const names = await server.must(`age -d -i ${KEY_FILE} ${archive} | zstd -d | tar t`);
    expect(names.trim().split("\n").at(-1)).toBe("datastore/state.db");
    const shown = await server.run(`${PROGRAM} show`);
    expect(shown.stdout).toContain("sqlite, revision");
  }, 30_000);

  test("verify says what it checked, with nothing left behind", async () => {
    const result = await server.run(`${PROGRAM} verify --json`);
    expect(result.exitCode).toBe(0);
    expect(result.stdout).toContain("database.integrity");
    expect(result.stdout).not.toContain("snapshot.trailer");
    expect(await leftovers(server)).toBe("");
  }, 30_000);

  test("RUNBOOK.md speaks of SQLite, not of a reset", async () => {
    runbook = await server.must(`${PROGRAM} extract RUNBOOK.md -o - -q`);
    expect(runbook).toContain("SQLite");
    expect(runbook).not.toContain("--cluster-reset");
  });

  test("restore over a running cluster undoes what was made since, and keeps all of the old database", async () => {
    await server.kubectl("create", "configmap", "after", "--from-literal=state=after");
    const result = await server.run(`${PROGRAM} restore --yes`, { timeout: 200_000 });
    expect(result.stderr).toContain("same CA");
    expect(result.exitCode).toBe(0);
    await expectSame(server, before);
    const kept = await server.must(`ls ${SERVER}/before-*`);
    for (const name of ["db-state.db", "db-state.db-wal"]) expect(kept).toContain(name);
    expect(await leftovers(server)).toBe("");
  }, 240_000);

  test("the restored database is 0600, and K3s starts on it again", async () => {
    expect((await server.must(`stat -c %a ${DB}/state.db`)).trim()).toBe("600");
    await server.must("systemctl restart k3s", { timeout: 60_000 });
    const state = await server.kubectl(
      "get",
      "configmap",
      "before",
      "-o",
      "jsonpath={.data.state}",
    );
    expect(state).toBe("before");
  }, 90_000);

  test("restore after the data folder is gone brings back every object with its UID, and the same CA", async () => {
    await wipeCluster(server);
    const result = await server.run(`env -i ${PROGRAM} restore --yes`, { timeout: 200_000 });
    expect(result.exitCode).toBe(0);
    await expectSame(server, before);
  }, 240_000);

  test("a bare etcd folder on the host is moved aside and does not confuse K3s", async () => {
    await server.stopCluster();
    await server.must(`mkdir -p ${DB}/etcd/member/wal && rm ${DB}/state.db*`);
    const result = await server.run(`${PROGRAM} restore --yes`, { timeout: 200_000 });
    expect(result.exitCode).toBe(0);
    await expectSame(server, before);
    expect(server.exists(`${DB}/etcd`)).toBe(false);
  }, 240_000);

  test("an old log beside no database is not taken for part of the restored one", async () => {
    await server.stopCluster();
    await server.must(`mv ${DB}/state.db /root/old.db`);
    const result = await server.run(`${PROGRAM} restore --yes`, { timeout: 200_000 });
    expect(result.exitCode).toBe(0);
    await expectSame(server, before);
  }, 240_000);

  test("a K3s that cannot start on it is put back to what ran before", async () => {
    await server.kubectl("create", "configmap", "kept", "--from-literal=state=kept");
    // On a database without a log, which is the restored one, this K3s takes another datastore.
    const real = "/usr/local/bin/k3s";
    await server.must(`mv ${real} ${real}.real`);
    server.write(
      real,
      `#!/bin/sh\n[ "$1" = server ] && [ ! -e ${DB}/state.db-wal ] && set -- "$@" --cluster-init\nexec ${real}.real "$@"\n`,
      0o755,
    );
    const result = await server.run(`${PROGRAM} restore --yes`, { timeout: 300_000 });
    await server.must(`mv ${real}.real ${real}`);
    expect(result.stderr).toContain(
      "K3s runs on an etcd of its own instead of the restored SQLite",
    );
    expect(result.stderr).toContain("what ran before runs again");
    expect(result.exitCode).toBe(1);
    expect(await server.kubectl("get", "configmap", "kept", "-o", "name")).toContain("kept");
    expect(server.exists(`${DB}/etcd`)).toBe(false);
  }, 400_000);

  for (const step of ["reset", "start"]) {
    test(`a restore that is killed at "${step}" holds K3s back, and goes back or on`, async () => {
      await server.kubectl("create", "configmap", "after", "--from-literal=state=after");
      for (const way of ["--rollback", "--resume"]) {
        await signalledAt(server, step, { signal: "KILL" });
        await expectHeldBack(server);
        const result = await server.run(`${PROGRAM} restore ${way}`, { timeout: 200_000 });
        expect(result.exitCode).toBe(0);
        expect(await leftovers(server)).toBe("");
        if (way === "--rollback") await server.kubectl("get", "configmap", "after");
      }
      await expectSame(server, before);
    }, 400_000);
  }

  test("a host without room for the copy is told before anything is written", async () => {
    const state = "/var/lib/railiance/cluster";
    await server.must(
      `mount -t tmpfs -o size=20m none ${state} && mount -o remount,size=100k /dev/shm`,
    );
    const result = await server.run(`${PROGRAM} backup`);
    expect(await leftovers(server)).toBe("");
    await server.must(`umount ${state} && mount -o remount,size=1g /dev/shm`);
    expect(result.exitCode).toBe(5);
    expect(result.stderr).toContain(`${state} has 21 MB free, a copy of the database needs`);
  }, 60_000);

  test("with K3s stopped the copy is made all the same, and what K3s was not there to tell is named", async () => {
    await server.stopCluster();
    const files = `md5sum ${DB}/state.db ${DB}/state.db-wal`;
    const first = await server.must(files);
    const result = await server.run(`${PROGRAM} backup -o /root/stopped.age`);
    expect(result.exitCode).toBe(3);
    expect(result.stderr).toContain("the API server cannot be reached");
    expect(await server.must(files)).toBe(first);
    await server.startCluster();
  }, 90_000);

  test("a backup with tokens of another cluster is refused, and leaves nothing", async () => {
    await server.must(
      `cp -a ${SERVER}/token /root/token; cp -a ${SERVER}/cred/passwd /root/passwd`,
    );
    server.write(`${SERVER}/token`, "K10aaaa::server:another\n".replace("aaaa", "a".repeat(64)));
    server.write(`${SERVER}/cred/passwd`, "another,server,server,k3s:server\n");
    const result = await server.run(`${PROGRAM} backup`);
    await server.must(`mv /root/token ${SERVER}/token; mv /root/passwd ${SERVER}/cred/passwd`);
    expect(result.exitCode).toBe(4);
    expect(result.stdout).toBe("");
    expect(result.stderr).toContain("encrypted with another token");
    expect(await leftovers(server)).toBe("");
  }, 60_000);

  test("RUNBOOK.md followed to the letter brings it back without our program", async () => {
    await server.stopCluster();
    await server.must(`rm -rf /var/lib/rancher /etc/rancher; mv ${PROGRAM} /root/program`);
    for (const [index, block] of shellBlocks(runbook).entries()) {
      server.write(`/root/block-${index}.sh`, block);
      const result = await server.run(
        `cd /root/railiance-restore 2>/dev/null; bash -eu /root/block-${index}.sh`,
        { timeout: 200_000 },
      );
      expect(
        `block ${index + 1}: exit ${result.exitCode} ${result.exitCode === 0 ? "" : result.stderr}`,
      ).toBe(`block ${index + 1}: exit 0 `);
    }
    await expectSame(server, before);
  }, 300_000);

  test("a host that never ran K3s gets the cluster from archive and key alone", async () => {
    await using fresh = await startBareServer({ datastore: "sqlite", cluster: false });
    const name = archive.slice(archive.lastIndexOf("/") + 1);
    fresh.write(`/root/${name}`, server.readBytes(archive));
    fresh.write(KEY_FILE, server.read(KEY_FILE));
    await fresh.must("rm -rf /etc/rancher");
    const result = await fresh.run(`${PROGRAM} restore --yes /root/${name}`, { timeout: 200_000 });
    expect(result.stderr).toContain("same CA");
    expect(result.exitCode).toBe(0);
    await expectSame(fresh, before);
  }, 300_000);
});

describe.skipIf(skipWithoutLab())("an archive of the other kind of datastore", () => {
  test("a server on etcd becomes the one on SQLite, and an etcd archive takes it back", async () => {
    await using server = await startBareServer();
    const { secret } = await giveKey(server);
    const before = await workloadState(server);
    const etcd = (await server.must(`${PROGRAM} backup -q`, { timeout: 60_000 })).trim();

    await using other = await startBareServer({ datastore: "sqlite" });
    other.write(KEY_FILE, `${secret}\n`);
    const beforeOther = await workloadState(other);
    const sqlite = (await other.must(`${PROGRAM} backup -q`, { timeout: 60_000 })).trim();

    server.write("/root/sqlite.age", other.readBytes(sqlite));
    const refused = await server.run(`${PROGRAM} restore --yes /root/sqlite.age`);
    expect(refused.exitCode).toBe(10); // of another cluster
    const there = await server.run(`${PROGRAM} restore --yes --force /root/sqlite.age`, {
      timeout: 200_000,
    });
    expect(there.exitCode).toBe(0);
    await expectSame(server, beforeOther);
    expect(server.exists(`${DB}/etcd`)).toBe(false);

    const back = await server.run(`${PROGRAM} restore --yes --force ${etcd}`, { timeout: 200_000 });
    expect(back.exitCode).toBe(0);
    await expectSame(server, before);
    expect(server.exists(`${DB}/state.db`)).toBe(false);
  }, 500_000);
});
