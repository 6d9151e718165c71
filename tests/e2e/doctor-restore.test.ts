/** `doctor` while a restore of ours is unfinished, and what it says may be removed when it is over. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import { checkOf, commandOf, examine, type } from "./doctor-host.ts";
import {
  DATA,
  JOURNAL,
  STATE,
  authorityOf,
  expectHeldBack,
  hostMovedOn,
  isActive,
  makeObject,
  objectsOf,
  restore,
  signalledAt,
  until,
} from "./restore-host.ts";
import { PROGRAM } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";
import type { Backup } from "./restore-host.ts";

const GUARD = "/etc/systemd/system/k3s.service.d/zz-railiance-restore.conf";
const OPEN = "/run/systemd/system.control/k3s.service.d/zz-railiance-restore.conf";

describe.skipIf(skipWithoutLab())("doctor and a restore of ours", () => {
  let server: BareServer;
  let backup: Backup;
  let before = "";

  beforeAll(async () => {
    ({ server, backup, before } = await hostMovedOn());
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  afterEach(async () => {
    server.faults("");
    if (server.exists(JOURNAL)) await restore(server, "--rollback");
    expect(await isActive(server)).toBe(true);
  }, 120_000);

  test("cut off at a step: which one, K3s held back on purpose, and both commands work as they stand there", async () => {
    await signalledAt(server, "reset", { signal: "KILL" });
    let found = await examine(server);
    expect(found.exit).toBe(10);
    const [first] = found.checks;
    expect(first).toMatchObject({ id: "restore.unfinished", outcome: "fail" });
    expect(first?.detail).toBe(
      `a restore of ${backup.archive} stopped at the step "reset" (5 of 8); K3s is held back on purpose: started now it may come up empty`,
    );
    expect(checkOf(found, "k3s.service").detail).toBe("K3s does not run (inactive), see above");
    expect(found.checks.some(({ id }) => id.startsWith("attempt"))).toBe(false);
    // What it moved aside is still needed.
    expect(found.removable).toEqual([]);
    await type(server, commandOf(checkOf(found, "restore.unfinished"), "go back: "));
    expect(await objectsOf(server)).toBe(before);

    await signalledAt(server, "aside", { signal: "KILL" });
    found = await examine(server);
    await type(server, commandOf(checkOf(found, "restore.unfinished"), "go on:   "));
    expect(await objectsOf(server)).toBe(backup.objects);
    expect(await authorityOf(server)).toBe(backup.authority);
    await makeObject(server, "later");
    before = await objectsOf(server);
  }, 180_000);

  test("on its way back: only the way back is offered", async () => {
    await signalledAt(server, "start", { signal: "KILL" });
    await server.must(
      `echo '{"type":"rollback","at":"2026-11-23T00:00:00Z","reason":"a test"}' >> ${JOURNAL}`,
    );
    const check = checkOf(await examine(server), "restore.unfinished");
    expect(check.detail).toContain("stopped on its way back");
    expect(check.hint).toBe("go back: railiance-cluster restore --rollback");
    await type(server, commandOf(check, "go back: "));
    expect(await objectsOf(server)).toBe(before);
  }, 120_000);

  test("the journal without its guard: K3s could start, and the way back puts the guard on again", async () => {
    await signalledAt(server, "start", { signal: "KILL" });
    await server.must(`rm ${GUARD} && systemctl daemon-reload`);
    const found = await examine(server);
    const check = checkOf(found, "restore.guard");
    expect(check.detail).toStartWith(`K3s is NOT held back: ${GUARD} is gone`);
    await type(server, commandOf(checkOf(found, "restore.unfinished"), "go back: "));
    expect(await objectsOf(server)).toBe(before);
  }, 120_000);

  test("an opening that was left over half-done data is closed by the command", async () => {
    await signalledAt(server, "reset", { signal: "KILL" });
    server.write(OPEN, "# left\n", 0o644);
    await server.must("systemctl daemon-reload");
    const check = checkOf(await examine(server), "restore.guard");
    expect(check.detail).toContain("NOT held back until the next boot");
    await type(server, check.hint ?? "");
    expect((await examine(server)).checks.some(({ id }) => id === "restore.guard")).toBe(false);
    await expectHeldBack(server);
  }, 120_000);

  test("a damaged journal: it holds K3s back, and nothing that was moved aside is called needless", async () => {
    await signalledAt(server, "reset", { signal: "KILL" });
    const journal = server.read(JOURNAL);
    server.write(JOURNAL, "not a journal\n");
    const found = await examine(server);
    expect(found.exit).toBe(1);
    expect(found.checks[0]?.detail).toContain(`${JOURNAL} is damaged`);
    const ours = found.removable.filter(({ path }) => /before|undone|restore-/.test(path));
    expect(ours).toEqual([]);
    await server.must(`rm ${GUARD} && systemctl daemon-reload`);
    expect(checkOf(await examine(server), "restore.guard").hint).toContain("systemctl mask");
    server.write(JOURNAL, journal);
  }, 120_000);

  test("a guard without a journal holds nothing back, and is removed by the command", async () => {
    server.write(GUARD, `[Unit]\nConditionPathExists=!${JOURNAL}\n`, 0o644);
    server.write(OPEN, "# left\n", 0o644);
    const found = await examine(server);
    expect(found.exit).toBe(0);
    const check = checkOf(found, "restore.guard");
    expect(check.outcome).toBe("warn");
    await type(server, check.hint ?? "");
    expect([server.exists(GUARD), server.exists(OPEN)]).toEqual([false, false]);
    expect((await examine(server)).checks.some(({ id }) => id === "restore.guard")).toBe(false);
  }, 60_000);

  test("a restore that is at work is no unfinished one", async () => {
    server.faults("reset-slow 60");
    const running = server.start(`${PROGRAM} restore --yes`, { timeout: 200_000 });
    // The flag of an earlier reset may still lie there: K3s takes it away five seconds after its start.
    await until("the reset", () =>
      Promise.resolve(
        server.exists(JOURNAL) && server.read(JOURNAL).includes('"begin","step":"reset"'),
      ),
    );
    const result = await server.run(`${PROGRAM} doctor --json`);
    expect(result.stdout).toContain("a restore is at work (restore, pid ");
    expect(result.stdout).toContain("another run is active (restore, pid ");
    server.faults("");
    expect((await running.done).exitCode).toBe(0);
    await makeObject(server, "later");
    before = await objectsOf(server);
  }, 180_000);

  test("all that was moved aside is listed with its restore and its size; removed by the commands, nothing is missed", async () => {
    expect((await restore(server, "--yes")).exitCode).toBe(0);
    await makeObject(server, "later");
    before = await objectsOf(server);
    const { removable } = await examine(server);
    const ours = removable.filter(({ path }) => /before-|undone-|restore-2/.test(path));
    expect(ours.length).toBeGreaterThan(3);
    const newest = ours.find(({ path }) => path.includes("/server/before-"));
    expect(newest?.restored_from).toBe(backup.archive);
    // etcd writes its log in files of 64 MB.
    expect(newest?.bytes ?? 0).toBeGreaterThan(60_000_000);
    for (const { path } of removable) expect(server.exists(path)).toBe(true);
    for (const { command } of removable) await type(server, command);
    const again = await examine(server);
    expect({ exit: again.exit, removable: again.removable }).toEqual({ exit: 0, removable: [] });
    await server.must("systemctl restart k3s", { timeout: 60_000 });
    expect(await objectsOf(server)).toBe(before);
    const left = await server.run(`ls -d ${STATE}/restore-* ${DATA}/server/before-*`);
    expect(left.exitCode).toBe(2);
  }, 180_000);
});
