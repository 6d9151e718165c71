/**
 * Restores by hand that went wrong, each provoked with the lab's own `k3s server
 * --cluster-reset` (k3s-observed.md 3, 4, 13): `doctor` says what is the case, and its
 * command, typed as it stands there, brings the cluster back.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import { checkOf, commandOf, examine, type } from "./doctor-host.ts";
import {
  DATA,
  expectRefusal,
  hostWithBackup,
  isActive,
  makeObject,
  objectsOf,
  restore,
  until,
} from "./restore-host.ts";
import { ARCHIVES, PROGRAM } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

const DB = `${DATA}/server/db`;
const CONFIG = "/etc/rancher/k3s/config.yaml";

describe.skipIf(skipWithoutLab())("a restore by hand that went wrong", () => {
  let server: BareServer;
  let config = "";
  let before = "";
  /** Of the objects in the snapshot. */
  let snapshot = "";

  beforeAll(async () => {
    ({ server } = await hostWithBackup());
    config = server.read(CONFIG);
    await server.must(
      `k3s etcd-snapshot save --name base && mv ${DB}/snapshots/base-* /root/good.snap &&
       { head -c 6000 /root/good.snap; printf X; tail -c +6002 /root/good.snap; } > /root/bad.snap`,
    );
    snapshot = await objectsOf(server);
    await makeObject(server, "after");
    before = await objectsOf(server);
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  // What went wrong in one test shall not be seen in the next one.
  beforeEach(async () => {
    expect(await isActive(server)).toBe(true);
    expect(await objectsOf(server)).toBe(before);
    expect(server.read(CONFIG)).toBe(config);
    await server.must(`rm -rf ${DB}/etcd-old-* ${DB}/aside-* ${DATA}/server/tls-[0-9]*`);
  });

  async function reset(args: string, faults = ""): Promise<number> {
    server.faults(faults);
    await server.must("systemctl stop k3s", { timeout: 60_000 });
    await server.must(
      `while [ -e ${DB}/etcd-old-$(date +%s) ]; do sleep 0.1; done`, // K3s stops at a name that is taken
    );
    const { exitCode } = await server.run(`timeout 60 k3s server --cluster-reset ${args}`, {
      timeout: 90_000,
    });
    server.faults("");
    return exitCode;
  }
  const resetFrom = (file: string): string => `--cluster-reset-restore-path=/root/${file}`;

  async function expectBack(objects = before): Promise<void> {
    expect(await isActive(server)).toBe(true);
    expect(await objectsOf(server)).toBe(objects);
    const after = await examine(server);
    expect({ exit: after.exit, attempt: checkOf(after, "attempt").outcome }).toEqual({
      exit: 0,
      attempt: "ok",
    });
  }

  /** The newest archive stays the newest one. */
  async function expectBackupRefused(says: string): Promise<void> {
    const archives = await server.must(`ls ${ARCHIVES}`);
    const refused = await server.run(`${PROGRAM} backup`, { timeout: 60_000 });
    expectRefusal(refused, { exit: 10, says, hint: "railiance-cluster doctor" });
    expect(await server.must(`ls ${ARCHIVES}`)).toBe(archives);
  }

  test("a damaged snapshot, K3s not started since: what a start would do, and the way back", async () => {
    expect(await reset(resetFrom("bad.snap"))).toBe(1);
    const found = await examine(server);
    expect(found.exit).toBe(10);
    const check = checkOf(found, "attempt.failed");
    expect(check.detail).toMatch(
      /^a reset by hand failed and left this server's database in \S+\/etcd-old-\d{10} \(revision \d+, \d+ keys, last alive \S+Z\); K3s started now would (hang on parts of a database, or )?come up empty$/,
    );
    await expectBackupRefused("a reset by hand failed");
    await type(server, commandOf(check, "go back: "));
    await expectBack();
  }, 120_000);

  test("a damaged snapshot, and K3s runs on the empty SQLite cluster that a start made: no backup of that, and the way back", async () => {
    server.write(CONFIG, config.replace("cluster-init: true\n", ""));
    await reset(resetFrom("bad.snap"));
    await server.startCluster();
    expect(server.exists(`${DB}/state.db`)).toBe(true);
    const check = checkOf(await examine(server), "attempt.failed");
    expect(check.detail).toMatch(/; K3s runs on a new, empty SQLite cluster that began \S+Z$/);
    await expectBackupRefused("K3s runs on a new, empty SQLite cluster");
    const plan = await restore(server, "--plan");
    expect(plan.exitCode).toBe(0);
    expect(plan.stderr).toContain("going back to it loses less than a restore");
    server.write(CONFIG, config);
    await type(server, commandOf(check, "go back: "));
    await expectBack();
  }, 120_000);

  test("the same, and a restore instead: it takes the archive, and leaves the database where it is", async () => {
    server.write(CONFIG, config.replace("cluster-init: true\n", ""));
    await reset(resetFrom("bad.snap"));
    await server.startCluster();
    server.write(CONFIG, config);
    const check = checkOf(await examine(server), "attempt.failed");
    const done = await type(server, `${commandOf(check, "or restore an archive: ")} --yes`);
    expect(done.stdout).toContain("restored from");
    expect((await server.must(`ls -d ${DB}/etcd-old-*/member/wal`)).trim()).not.toBe("");
    expect(await objectsOf(server)).not.toContain("ConfigMap/after");
    expect(checkOf(await examine(server), "attempt").outcome).toBe("ok");
    // Still there, so that one can change one's mind.
    await server.must(
      `systemctl stop k3s && rm -rf ${DB}/etcd && mv "$(dirname "$(dirname "$(echo ${DB}/etcd-old-*/member/wal)")")" ${DB}/etcd && systemctl start k3s`,
      { timeout: 90_000 },
    );
  }, 180_000);

  test("a reset that was killed, and K3s runs on the empty etcd cluster that cluster-init made: no backup of that, and the way back", async () => {
    expect(await reset(resetFrom("good.snap"), "reset-die-after 1")).toBe(137);
    await server.startCluster();
    expect(server.exists(`${DB}/etcd/member/wal`)).toBe(true);
    const check = checkOf(await examine(server), "attempt.failed");
    expect(check.detail).toMatch(/; K3s runs on a new, empty etcd cluster that began \S+Z$/);
    await expectBackupRefused("K3s runs on a new, empty etcd cluster");
    await type(server, commandOf(check, "go back: "));
    await expectBack();
  }, 120_000);

  test("the empty cluster is the one that is wanted: once the old database is given up, a backup is made", async () => {
    await reset(resetFrom("good.snap"), "reset-die-after 1");
    await server.startCluster();
    const check = checkOf(await examine(server), "attempt.failed");
    await type(server, commandOf(check, "or, if the new cluster is the one you want: "));
    expect(checkOf(await examine(server), "attempt").outcome).toBe("ok");
    const made = await server.must(`${PROGRAM} backup -q`, { timeout: 60_000 });
    await server.must(`rm ${made.trim()}*`);
    await server.must(
      `systemctl stop k3s && mv ${DB}/etcd /root/given-up && mv ${DB}/aside-etcd-* ${DB}/etcd && systemctl start k3s`,
      { timeout: 60_000 },
    );
  }, 120_000);

  test("two failed resets: the database is in the older one, and that is the one that comes back", async () => {
    await reset(resetFrom("bad.snap"));
    const [first = ""] = (await server.must(`ls -d ${DB}/etcd-old-*`)).split("\n");
    await reset(resetFrom("bad.snap"));
    expect((await server.must(`ls -d ${DB}/etcd-old-*`)).trim().split("\n")).toHaveLength(2);
    const check = checkOf(await examine(server), "attempt.failed");
    expect(check.detail).toContain(first);
    await type(server, commandOf(check, "go back: "));
    await expectBack();
  }, 120_000);

  test("a failed reset, a start, another failed reset: both kept ones are databases, and the empty one is not taken for ours", async () => {
    await reset(resetFrom("good.snap"), "reset-die-after 1");
    await server.startCluster();
    const [first = ""] = (await server.must(`ls -d ${DB}/etcd-old-*`)).split("\n");
    await reset(resetFrom("bad.snap"));
    const whole = await server.must(`ls -d ${DB}/etcd-old-*/member/wal`);
    expect(whole.trim().split("\n")).toHaveLength(2);
    const check = checkOf(await examine(server), "attempt.failed");
    expect(check.detail).toContain(`${first} (`);
    await type(server, commandOf(check, "go back: "));
    await expectBack();
  }, 120_000);

  test("a wrong token: K3s does not start on the snapshot, and the way back takes the token out of the newest archive", async () => {
    expect(await reset(`${resetFrom("good.snap")} --token WRONG`)).toBe(1);
    expect(server.read(`${DATA}/server/cred/passwd`)).toContain("WRONG,server");
    // Tried all the same: systemd starts it again and again.
    await server.must("systemctl start --no-block k3s");
    await until("K3s to end", async () =>
      /^[1-9]/.test(await server.must("systemctl show k3s -P NRestarts")),
    );
    const found = await examine(server);
    expect(found.exit).toBe(10);
    const check = checkOf(found, "attempt.wrong-token");
    expect(check.detail).toContain("with a token that does not open it");
    const command = commandOf(check, "go back: ");
    expect(command).toStartWith("railiance-cluster extract k3s/token");
    await type(server, command);
    expect(server.exists("/run/railiance-way-back")).toBe(false);
    await expectBack();
    await server.must("systemctl restart k3s", { timeout: 60_000 });
    await expectBack();
  }, 120_000);

  test("a reset that ended well, and K3s not started since: on with it, or back", async () => {
    expect(await reset(resetFrom("good.snap"))).toBe(0);
    let found = await examine(server);
    let check = checkOf(found, "attempt.not-started");
    expect(check.outcome).toBe("warn");
    expect(checkOf(found, "k3s.service").detail).toContain("K3s does not run (inactive)");
    await type(server, commandOf(check, "go back: "));
    await expectBack();
    await reset(resetFrom("good.snap"), "reset-die-after 4");
    found = await examine(server);
    check = checkOf(found, "attempt.not-started");
    await type(server, commandOf(check, "go on:   "));
    await expectBack(snapshot);
    await makeObject(server, "after");
    before = await objectsOf(server);
  }, 120_000);

  test("a state.db beside etcd: passed over by K3s, and moved aside by the command", async () => {
    server.write(CONFIG, config.replace("cluster-init: true\n", ""));
    await reset(resetFrom("bad.snap"));
    await server.startCluster();
    server.write(CONFIG, config);
    // Back by hand, as 13 has it, and half of it forgotten.
    await server.must(
      `systemctl stop k3s && rm -rf ${DB}/etcd && mv ${DB}/etcd-old-* ${DB}/etcd && systemctl start k3s`,
      { timeout: 60_000 },
    );
    const found = await examine(server);
    expect(found.exit).toBe(0);
    const check = checkOf(found, "attempt.stray-sqlite");
    expect(check.outcome).toBe("warn");
    await type(server, commandOf(check, "move it aside: "));
    expect(await server.must(`ls ${DB}`)).not.toContain("state.db");
    await expectBack();
  }, 120_000);

  test("parts of a database, and nothing kept: only an archive helps", async () => {
    await server.must(`systemctl stop k3s && cp -a ${DB}/etcd /root/etcd-kept`, {
      timeout: 60_000,
    });
    await server.must(`rm -rf ${DB}/etcd/member/wal`);
    const found = await examine(server);
    expect(found.exit).toBe(10);
    const check = checkOf(found, "attempt.torso");
    expect(check.detail).toContain("holds parts of a database and no log");
    await type(server, `${commandOf(check, "restore the newest archive: ")} --yes`);
    expect(await isActive(server)).toBe(true);
    await backToKept();
  }, 120_000);

  test("moved from SQLite to etcd, and etcd is gone: only an archive helps", async () => {
    await server.must(
      `systemctl stop k3s && mv ${DB}/etcd /root/etcd-kept && touch ${DB}/state.db.migrated`,
      { timeout: 60_000 },
    );
    const found = await examine(server);
    expect(found.exit).toBe(10);
    const check = checkOf(found, "attempt.migrated");
    await type(server, `${commandOf(check, "restore the newest archive: ")} --yes`);
    expect(await isActive(server)).toBe(true);
    expect(checkOf(await examine(server), "attempt").outcome).toBe("ok");
    await server.must(`rm ${DB}/state.db.migrated`);
    await backToKept();
  }, 120_000);

  test("a member that was removed from its cluster: a restore makes it a cluster of its own, and says so first", async () => {
    await server.must(
      `systemctl stop k3s && cp -a ${DB}/etcd /root/etcd-kept && touch ${DB}/etcd/tombstone`,
      { timeout: 60_000 },
    );
    const found = await examine(server);
    expect(found.exit).toBe(10);
    const check = checkOf(found, "attempt.tombstone");
    const done = await type(
      server,
      `${commandOf(check, "or make it a cluster of its own from an archive: ")} --yes`,
    );
    expect(done.stderr).toContain("a cluster of its own beside that one");
    expect(await isActive(server)).toBe(true);
    await backToKept();
  }, 120_000);

  async function backToKept(): Promise<void> {
    await server.must(
      `systemctl stop k3s && rm -rf ${DB}/etcd && mv /root/etcd-kept ${DB}/etcd && systemctl start k3s`,
      { timeout: 60_000 },
    );
  }
});
