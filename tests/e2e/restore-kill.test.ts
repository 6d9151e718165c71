/**
 * A restore that is cut at any step: kill -9, SIGTERM, power cut. Whatever
 * happens, it ends in one of two states: the backup's cluster runs, or what ran
 * before runs again. The kills come at exact places, by strace on the journal.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import { IN_A_RESTORE, backInPlace, inPlaceOfK3s } from "./k3s-in-place.ts";
import { PROGRAM } from "./workload.ts";
import {
  DATA,
  JOURNAL,
  STATE,
  STEPS,
  authorityOf,
  expectHeldBack,
  expectRefusal,
  hostMovedOn,
  isActive,
  killedAtRename,
  leftovers,
  makeObject,
  objectsOf,
  restore,
  signalledAt,
  until,
} from "./restore-host.ts";
import type { BareServer } from "../lab/server.ts";
import type { Backup } from "./restore-host.ts";

/** From here on the data may be half done, and up to there K3s was not started by us. */
const HELD = new Set(["aside", "files", "reset", "start"]);
const CUT_POWER = new Set(["files", "start", "check"]);
const POWER_OFF = new Set(["reset"]);
const TERMINATED = ["guard", "stop", "aside", "files", "reset", "start", "check"];

describe.skipIf(skipWithoutLab())("a restore cut off", () => {
  let server: BareServer;
  let backup: Backup;
  let before = "";

  beforeAll(async () => {
    ({ server, backup, before } = await hostMovedOn());
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  afterEach(async () => {
    server.faults("");
    const left = await leftovers(server);
    // One failure shall not make all the others fail.
    if (server.exists(JOURNAL)) await restore(server, "--rollback");
    expect(left).toBe("");
  });

  async function expectRolledBack(): Promise<void> {
    expect(await isActive(server)).toBe(true);
    expect(await objectsOf(server)).toBe(before);
    expect(await authorityOf(server)).toBe(backup.authority);
  }

  async function expectRestored(): Promise<void> {
    expect(await objectsOf(server)).toBe(backup.objects);
    expect(await authorityOf(server)).toBe(backup.authority);
    // What the next test has to bring back.
    await makeObject(server, "later");
    before = await objectsOf(server);
  }

  async function rollBack(): Promise<void> {
    const result = await restore(server, "--rollback");
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("runs again"),
    });
    await expectRolledBack();
  }

  async function expectRefused(step: string): Promise<void> {
    const refused = await restore(server, "--yes");
    expectRefusal(refused, { exit: 10, says: `stopped at the step "${step}"`, hint: "--resume" });
    expectRefusal(refused, { exit: 10, says: backup.archive, hint: "restore --rollback" });
  }

  for (const step of STEPS) {
    test(`kill -9 at "${step}": nobody starts K3s, a plain restore refuses, --rollback brings back what ran before`, async () => {
      const killed = await signalledAt(server, step, { signal: "KILL" });
      expect(killed.exitCode).toBe(137);
      if (HELD.has(step)) await expectHeldBack(server);
      await expectRefused(step);
      await rollBack();
    }, 120_000);

    test(`kill -9 at "${step}": --resume brings back the backup`, async () => {
      await signalledAt(server, step, { signal: "KILL" });
      if (CUT_POWER.has(step)) await server.cut();
      if (POWER_OFF.has(step)) await server.powerOff();
      if (CUT_POWER.has(step) || POWER_OFF.has(step)) {
        await server.boot();
        await server.run("systemctl is-system-running --wait");
        await expectHeldBack(server);
        await expectRefused(step);
      }
      const resumed = await restore(server, "--resume");
      expect({ exit: resumed.exitCode, stdout: resumed.stdout, stderr: resumed.stderr }).toEqual({
        exit: 0,
        stdout: expect.stringContaining(`restored from ${backup.archive}\n`),
        stderr: expect.stringContaining("K3s is free again"),
      });
      await expectRestored();
    }, 120_000);
  }

  for (const step of TERMINATED) {
    test(`SIGTERM at "${step}": it goes back by itself`, async () => {
      const result = await signalledAt(server, step, { signal: "TERM" });
      expectRefusal(result, {
        exit: 143,
        says: /the restore was stopped by SIGTERM while .*; what ran before runs again$/,
      });
      await expectRolledBack();
    }, 120_000);
  }

  test("SIGTERM when only the end is left to do: it is done", async () => {
    const result = await signalledAt(server, "finish", { signal: "TERM" });
    expect(result.exitCode).toBe(0);
    await expectRestored();
  }, 120_000);

  test("kill -9 while K3s unpacks the snapshot: the reset that goes on alone is ended before anything is put back", async () => {
    for (const way of ["--rollback", "--resume"]) {
      // By itself it ends long after this test has given up. Talking to the killed run, it would die of a broken pipe.
      server.faults("reset-slow 900");
      const wrap = await inPlaceOfK3s(server, IN_A_RESTORE);
      wrap('[ -n "$reset" ] && exec $real "$@" >/root/reset.log 2>&1');
      const running = server.start(`${PROGRAM} restore --yes`);
      await until("the reset", () =>
        Promise.resolve(server.exists(`${DATA}/server/db/etcd/member/wal`) && resetPid() !== ""),
      );
      const pid = resetPid();
      running.signal("SIGKILL");
      // It may be in a sync just now, and dies, and gives the lock back, when that is over.
      expect((await running.done).exitCode).toBe(137);
      await backInPlace(server);
      expect(await isAlive(pid)).toBe(true);
      const again = server.start(`${PROGRAM} restore ${way}`, { timeout: 200_000 });
      await until("the end of the reset", async () => !(await isAlive(pid)));
      server.faults("");
      const result = await again.done;
      expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
        exit: 0,
        stderr: expect.any(String),
      });
      if (way === "--rollback") await expectRolledBack();
      else await expectRestored();
    }
  }, 180_000);

  test("SIGTERM while K3s unpacks the snapshot: the reset is ended, and it goes back by itself", async () => {
    server.faults("reset-slow 60");
    const running = server.start(`${PROGRAM} restore --yes`);
    await until("the reset", () =>
      Promise.resolve(server.exists(`${DATA}/server/db/etcd/member/wal`) && resetPid() !== ""),
    );
    const pid = resetPid();
    running.signal("SIGTERM");
    expectRefusal(await running.done, {
      exit: 143,
      says: "the restore was stopped by SIGTERM while restoring the database; what ran before runs again",
    });
    expect(await isAlive(pid)).toBe(false);
    server.faults("");
    await expectRolledBack();
  }, 120_000);

  async function isAlive(pid: string): Promise<boolean> {
    return (await server.run(`test -d /proc/${pid}`)).exitCode === 0;
  }

  function resetPid(): string {
    if (!server.exists(JOURNAL)) return "";
    const [folder = ""] = server.read(JOURNAL).match(/"folder":"[^"]+"/) ?? [];
    const file = `${folder.slice(10, -1)}/reset.pid`;
    return server.exists(file) ? server.read(file).trim() : "";
  }

  test("kill -9 on the way back, twice: --resume is refused, the next --rollback ends it", async () => {
    await signalledAt(server, "start", { signal: "KILL" });
    for (const path of [`${DATA}/server/db/etcd`, `${DATA}/server/token`]) {
      expect((await killedAtRename(server, "--rollback", path)).exitCode).toBe(137);
      await expectHeldBack(server);
    }
    expectRefusal(await restore(server, "--resume"), {
      exit: 10,
      says: "already on its way back",
      hint: "--rollback",
    });
    expectRefusal(await restore(server, "--yes"), {
      exit: 10,
      says: "on its way back",
      hint: "--rollback",
    });
    await rollBack();
  }, 120_000);

  test("kill -9 with half of the data moved aside: --rollback moves it back", async () => {
    const killed = await killedAtRename(server, "--yes", `${DATA}/server/cred`);
    expect(killed).toEqual({ ...killed, exitCode: 137 });
    await expectHeldBack(server);
    await rollBack();
  }, 120_000);

  test("a journal cut in the middle of its last line is read up to there", async () => {
    await signalledAt(server, "start", { signal: "KILL" });
    await server.must(`truncate -s -10 ${JOURNAL}`);
    expectRefusal(await restore(server, "--yes"), { exit: 10, says: "between two steps" });
    const resumed = await restore(server, "--resume");
    expect(resumed.exitCode).toBe(0);
    await expectRestored();
  }, 120_000);

  test("a damaged journal goes on holding K3s back, and nothing is done by it", async () => {
    await signalledAt(server, "reset", { signal: "KILL" });
    const journal = server.read(JOURNAL);
    for (const content of ["", "not a journal\n", `${journal}{"type":"unknown"}\n`]) {
      server.write(JOURNAL, content);
      for (const way of ["--yes", "--resume", "--rollback"]) {
        expectRefusal(await restore(server, way), {
          exit: 1,
          says: `${JOURNAL} is damaged`,
          hint: `server/before-… and server/db/before-… below its data folder, configuration and units that were replaced in ${STATE}/restore-…/before`,
        });
      }
      await expectHeldBack(server);
    }
    server.write(JOURNAL, journal);
    await rollBack();
  }, 120_000);

  test("plaintext that a power cut left half written is not used: --resume refuses, --rollback works", async () => {
    await signalledAt(server, "files", { signal: "KILL" });
    await server.must(`truncate -s 5 ${STATE}/restore-*/archive/k3s/token`);
    expectRefusal(await restore(server, "--resume"), {
      exit: 5,
      says: "is not whole any more",
      hint: "--rollback",
    });
    await rollBack();
  }, 120_000);

  test("a second run while one is at work is refused", async () => {
    server.faults("reset-slow 60");
    const running = server.start(`${PROGRAM} restore --yes`, { timeout: 200_000 });
    await until("the journal", () => Promise.resolve(server.exists(JOURNAL)));
    for (const command of ["restore --yes", "restore --rollback"]) {
      const second = await server.run(`${PROGRAM} ${command}`);
      expectRefusal(second, { exit: 7, says: "another run is active (restore, pid " });
    }
    server.faults("");
    expect((await running.done).exitCode).toBe(0);
    await expectRestored();
  }, 120_000);

  test("a cluster that was stopped before is stopped again after going back, and can be started", async () => {
    await server.stopCluster();
    await signalledAt(server, "start", { signal: "KILL" });
    await expectHeldBack(server);
    const result = await restore(server, "--rollback");
    expect(result.stderr).toContain("everything is as it was before");
    expect(await isActive(server)).toBe(false);
    await server.startCluster();
    await expectRolledBack();
  }, 120_000);

  test("K3s killed by somebody else while it is held back does not come up again", async () => {
    // The guard is on and K3s still runs: Restart=always must not bring it back.
    await signalledAt(server, "stop", { signal: "KILL" });
    await server.must("systemctl kill --kill-whom=main -s KILL k3s; sleep 6");
    await expectHeldBack(server);
    await rollBack();
  }, 120_000);

  test("K3s is free in the end: it starts again with what was restored", async () => {
    await server.must("systemctl restart k3s", { timeout: 60_000 });
    expect(await objectsOf(server)).toBe(before);
  }, 90_000);

  test("--resume and --rollback without an unfinished restore say so", async () => {
    for (const way of ["--resume", "--rollback"]) {
      expectRefusal(await restore(server, way), {
        exit: 9,
        says: "there is no unfinished restore on this host",
        hint: "railiance-cluster restore",
      });
    }
  });
});
