/** K3s, the disk or the restored cluster fail in the middle of a restore: what ran before runs again. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import { REAL } from "./k3s-in-place.ts";
import { movedOn } from "./moved-on.ts";
import {
  DATA,
  JOURNAL,
  STATE,
  authorityOf,
  expectRefusal,
  isActive,
  leftovers,
  makeObject,
  objectsOf,
  restore,
} from "./restore-host.ts";
import type { BareServer } from "../lab/server.ts";
import type { MovedOn } from "./moved-on.ts";
import type { Backup } from "./restore-host.ts";

describe.skipIf(skipWithoutLab())("a restore that fails half-way", () => {
  let host: MovedOn;
  let server: BareServer;
  let backup: Backup;
  let before = "";

  beforeAll(async () => {
    host = await movedOn();
    ({ server, backup, before } = host);
  }, 120_000);
  afterAll(() => host[Symbol.asyncDispose]());
  afterEach(() => host.settle());

  async function expectRolledBack(): Promise<void> {
    expect(await isActive(server)).toBe(true);
    expect(await objectsOf(server)).toBe(before);
    expect(await authorityOf(server)).toBe(backup.authority);
    expect(await leftovers(server)).toBe("");
    const journals = (await server.must(`ls -t ${STATE}/restore-*/journal`)).trim().split("\n");
    expect(server.read(journals[0] ?? "")).toContain('"type":"rollback"');
  }

  for (const step of [1, 2, 4, 6]) {
    test(`K3s dies after step ${step} of its reset`, async () => {
      server.faults(`reset-die-after ${step}`);
      expectRefusal(await restore(server, "--yes"), {
        exit: 1,
        says: /the restore failed while restoring the database: k3s server --cluster-reset failed \(.*\); what ran before runs again$/,
      });
      await expectRolledBack();
    }, 120_000);
  }

  test("a reset that exits 0 and has done nothing", async () => {
    host.wrap('[ -n "$reset" ] && exit 0');
    expectRefusal(await restore(server, "--yes"), { exit: 1, says: "what ran before runs again" });
    await expectRolledBack();
  }, 120_000);

  test("a reset that finds the disk full", async () => {
    host.wrap(
      `[ -n "$reset" ] && { echo 'time="x" level=fatal msg="starting kubernetes: write ${DATA}/server/db/etcd/member/snap/db: no space left on device"' >&2; exit 1; }`,
    );
    expectRefusal(await restore(server, "--yes"), {
      exit: 5,
      says: "the disk was full while k3s unpacked the snapshot",
      hint: "free some space",
    });
    await expectRolledBack();
  }, 120_000);

  test("the disk with the journal is full when the next step is written down", async () => {
    await server.must(
      "mv /var/lib/railiance /root/railiance-away && mkdir /var/lib/railiance && mount -t tmpfs -o size=40m tmpfs /var/lib/railiance",
    );
    try {
      // tmpfs gives whole pages: the journal is padded (JSON allows it) until its last one is full.
      host.wrap(
        `if [ -n "$reset" ]; then
  $real "$@"; code=$?
  truncate -s -1 ${JOURNAL}
  printf '%*s\\n' $((4092 - $(stat -c %s ${JOURNAL}) % 4096)) '' >> ${JOURNAL}
  rm ${STATE}/restore-*/reset.pid
  cat /dev/zero > ${STATE}/full 2>/dev/null
  exit $code
fi`,
      );
      expectRefusal(await restore(server, "--yes"), {
        exit: 5,
        says: "no space is left on the device; what ran before runs again",
        hint: "free some space",
      });
      await expectRolledBack();
    } finally {
      await server.must(
        "umount /var/lib/railiance && rmdir /var/lib/railiance && mv /root/railiance-away /var/lib/railiance",
      );
    }
  }, 120_000);

  test("a K3s that does not start with the restored data", async () => {
    host.wrap(
      `[ -n "$restored" ] && { echo 'time="x" level=fatal msg="ordered by a test"'; exit 1; }`,
    );
    expectRefusal(await restore(server, "--yes"), {
      exit: 1,
      // systemd's start limit and our own count of restarts are reached in the same moment.
      says: /the restored cluster is not well: the API was not ready after .*: (systemd has given K3s up|K3s has ended \d+ times) \(ordered by a test\).*; what ran before runs again$/,
      hint: "journalctl -u k3s",
    });
    await expectRolledBack();
  }, 120_000);

  const EMPTY = `[ -n "$restored" ] && [ ! -e ${DATA}/server/db/test-emptied ] && { mv ${DATA}/server/db/etcd ${DATA}/server/db/etcd-emptied; rm -rf ${DATA}/server/db/etcd-emptied; touch ${DATA}/server/db/test-emptied; }`;
  const SQLITE = `[ -n "$restored" ] && { rm -rf ${DATA}/server/db/etcd; echo > /root/no-config; exec $real "$@" --config /root/no-config; }`;

  test("a K3s that comes up ready and empty, on SQLite", async () => {
    host.wrap(SQLITE);
    expectRefusal(await restore(server, "--yes"), {
      exit: 1,
      says: /K3s does not run on the restored etcd; .*; what ran before runs again$/,
    });
    await expectRolledBack();
    expect(server.exists(`${DATA}/server/db/state.db`)).toBe(false);
  }, 120_000);

  test("--keep keeps a cluster that fails its check; --rollback goes back from there", async () => {
    await emptied();
    const kept = await restore(server, "--yes --keep");
    expectRefusal(kept, {
      exit: 1,
      says: /revision \d+ is before \d+ of the backup; namespace default is not the one of the backup \(another UID\); it was kept as asked$/,
    });
    expectRefusal(kept, { exit: 1, says: "kept", hint: "restore --rollback" });
    expect(await isActive(server)).toBe(true);
    await expect(server.kubectl("get", "configmap", "before")).rejects.toThrow("not found");
    expect(await leftovers(server, { unfinished: true })).toBe("");
    expect((await server.must(`ls -d ${STATE}/restore-*/archive || true`)).trim()).toBe("");
    expectRefusal(await restore(server, "--yes"), {
      exit: 10,
      says: "failed its check and was kept",
      hint: "--resume",
    });
    host.wrap("");
    expect((await restore(server, "--rollback")).exitCode).toBe(0);
    await expectRolledBack();
  }, 120_000);

  test("--keep, then --resume accepts it, also after a reboot; another restore brings the backup back", async () => {
    await emptied();
    expect((await restore(server, "--yes --keep")).exitCode).toBe(1);
    host.wrap("");
    await server.cut();
    await server.boot();
    expect(await isActive(server)).toBe(false);
    const accepted = await restore(server, "--resume");
    expect(accepted.exitCode).toBe(0);
    expect(accepted.stderr).toContain("accepting the cluster that failed its check");
    expect(await leftovers(server)).toBe("");
    expect((await restore(server, "--yes")).exitCode).toBe(0);
    expect(await objectsOf(server)).toBe(backup.objects);
    expect(await leftovers(server)).toBe("");
  }, 180_000);

  async function emptied(): Promise<void> {
    server.remove(`${DATA}/server/db/test-emptied`);
    host.wrap(EMPTY);
  }

  test("a database on a disk of its own is restored, and rolled back, within that disk", async () => {
    await makeObject(server, "later");
    before = await objectsOf(server);
    await server.stopCluster();
    await server.must(
      `cd ${DATA}/server && mv db db-away && mkdir -m 700 db && mount -t tmpfs -o size=900m,mode=700 tmpfs db && cp -a db-away/. db/ && rm -rf db-away`,
    );
    await server.startCluster();
    server.faults("reset-die-after 5");
    expectRefusal(await restore(server, "--yes"), { exit: 1, says: "what ran before runs again" });
    await expectRolledBack();
    server.faults("");
    expect((await restore(server, "--yes")).exitCode).toBe(0);
    expect(await objectsOf(server)).toBe(backup.objects);
    expect((await server.must(`ls -d ${DATA}/server/db/before-*/etcd/member`)).trim()).not.toBe("");
  }, 180_000);

  test("a database that is a mount point itself is refused before anything is touched", async () => {
    const there = await objectsOf(server);
    await server.stopCluster();
    const etcd = `${DATA}/server/db/etcd`;
    await server.must(`mount -t tmpfs tmpfs ${etcd}`);
    try {
      expectRefusal(await restore(server, "--yes"), {
        exit: 5,
        says: `${etcd} is a mount point of its own`,
        hint: "nothing was changed",
      });
    } finally {
      await server.must(`umount ${etcd}`);
    }
    await server.startCluster();
    expect(await objectsOf(server)).toBe(there);
    expect(await leftovers(server)).toBe("");
  }, 120_000);

  test("a K3s server that systemd knows nothing of is found, and nothing is moved under it", async () => {
    const there = await objectsOf(server);
    await server.stopCluster();
    const running = server.start(`exec ${REAL} server --debug`, {
      timeout: 200_000,
    });
    await server.must(
      `for i in $(seq 200); do k3s kubectl get --raw /readyz && exit 0; sleep 0.1; done; exit 1`,
    );
    const result = await restore(server, "--yes");
    expectRefusal(result, {
      exit: 5,
      says: /a K3s server that k3s.service does not know of still runs on this host \(process \d+\)/,
      hint: "kill ",
    });
    expect(await objectsOf(server)).toBe(there);
    await server.must("kill $(pgrep -f '[k]3s.real server')");
    await running.done;
    expect(await leftovers(server)).toBe("");
  }, 120_000);
});
