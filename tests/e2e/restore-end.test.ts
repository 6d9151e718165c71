/** The end of a restore when something fails there: what has passed its check stays, and `--resume` ends it. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { untilReady } from "../fault/bench.ts";
import { faulty, forgetOperations, readOperations, wasMet } from "../fault/operations.ts";
import { skipWithoutLab } from "../lab/server.ts";
import { checkOf, examine } from "./doctor-host.ts";
import { movedOn } from "./moved-on.ts";
import {
  JOURNAL,
  expectRefusal,
  isActive,
  leftovers,
  makeObject,
  objectsOf,
  restore,
} from "./restore-host.ts";
import type { Order } from "../fault/operations.ts";
import type { BareServer, CommandResult } from "../lab/server.ts";
import type { MovedOn } from "./moved-on.ts";
import type { Backup } from "./restore-host.ts";

const GUARD = "/etc/systemd/system/k3s.service.d/zz-railiance-restore.conf";

describe.skipIf(skipWithoutLab())("the end of a restore", () => {
  let host: MovedOn;
  let server: BareServer;
  let backup: Backup;

  beforeAll(async () => {
    host = await movedOn();
    ({ server, backup } = host);
  }, 120_000);
  afterAll(() => host[Symbol.asyncDispose]());
  afterEach(() => host.settle(), 120_000);

  async function restoreOn(order: Order, flags = "--yes"): Promise<CommandResult> {
    forgetOperations(server);
    const result = await server.run(faulty(`restore ${flags}`, order), { timeout: 240_000 });
    expect({ met: wasMet(server), stderr: result.stderr }).toEqual({
      met: true,
      stderr: expect.any(String),
    });
    return result;
  }

  async function expectRestored(): Promise<void> {
    expect(await isActive(server)).toBe(true);
    expect(await objectsOf(server)).toBe(backup.objects);
  }

  /** What the next test has to bring back. */
  async function moveOn(): Promise<void> {
    expect(await leftovers(server)).toBe("");
    await makeObject(server, "later");
  }

  function expectNotEnded(result: CommandResult, done = "restored and checked"): void {
    expectRefusal(result, {
      exit: 5,
      says: `${done}, but could not end: cannot write to /var/lib/rancher/k3s or the disk of its configuration: the device reported an I/O error`,
      hint: "railiance-cluster restore --resume",
    });
  }

  test("a restore that passed its check is not undone when its last step fails, and --resume ends it as soon as it can", async () => {
    const plaintext: Order = { kinds: "unlink", action: "EIO", number: 1, of: at("/archive") };
    expectNotEnded(await restoreOn(plaintext));
    await expectRestored();
    expectRefusal(await restore(server, "--yes"), {
      exit: 10,
      says: /stopped at the step "finish"; it has passed its check, and only its end is left to do$/,
      hint: "restore --resume",
    });
    const guard: Order = { kinds: "unlink", action: "EIO", number: 1, of: at(GUARD) };
    expectNotEnded(await restoreOn(guard, "--resume"));
    const journal: Order = { kinds: "rename", action: "EIO", number: 1, of: at(JOURNAL) };
    expectNotEnded(await restoreOn(journal, "--resume"));
    expectNotEnded(await restoreOn(journal, "--resume"));
    await expectRestored();
    const found = await examine(server);
    expect(checkOf(found, "restore.unfinished").detail).toContain('the step "finish" (8 of 8)');
    // The guard is off by now, and there is nothing to hold back any more.
    expect(server.exists(GUARD)).toBe(false);
    expect(found.checks.some(({ id }) => id === "restore.guard")).toBe(false);
    const resumed = await restore(server, "--resume");
    expect({ exit: resumed.exitCode, stderr: resumed.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("K3s is free again"),
    });
    await expectRestored();
    await moveOn();
  }, 240_000);

  test("nor when the journal cannot take the line that says so", async () => {
    // Two lines a step, each written and synced: of the seventh step the second.
    const line: Order = { kinds: "sync", action: "EIO", number: 14, of: at(JOURNAL) };
    expectNotEnded(await restoreOn(line));
    await expectRestored();
    expect((await restore(server, "--resume")).exitCode).toBe(0);
    await expectRestored();
    await moveOn();
  }, 240_000);

  test("nor when systemd cannot be told that the guard is off", async () => {
    server.write(
      "/usr/local/sbin/systemctl",
      `#!/bin/sh\n[ "$1" = daemon-reload ] && [ -e ${JOURNAL} ] && [ ! -e ${GUARD} ] && exit 1\nexec /usr/bin/systemctl "$@"\n`,
      0o755,
    );
    try {
      expectRefusal(await restore(server, "--yes"), {
        exit: 5,
        says: "restored and checked, but could not end: systemctl daemon-reload failed",
        hint: "railiance-cluster restore --resume",
      });
    } finally {
      server.remove("/usr/local/sbin/systemctl");
    }
    await expectRestored();
    expect((await restore(server, "--resume")).exitCode).toBe(0);
    await moveOn();
  }, 240_000);

  test("a journal that is filed away is closed, though its folder could not be synced", async () => {
    // The lines of eight steps but for the last one's second, then the rename: the folder's sync comes next.
    const sync: Order = {
      kinds: "sync,rename",
      action: "EIO",
      number: 16,
      of: { path: JOURNAL, after: true },
    };
    const result = await restoreOn(sync);
    const done = readOperations(server);
    const filed = done.findIndex(({ kind, path }) => kind === "rename" && path === JOURNAL);
    const next = done[filed + 1];
    // Not toMatchObject(): it puts the matcher in the place of what it matched (Bun 1.4.5).
    expect(next?.kind).toBe("sync");
    expect(next?.path).toMatch(/\/restore-[^/]+$/);
    expect(server.read("/root/operations")).toContain(`${next?.number} sync ${next?.path} <- EIO`);
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("K3s is free again"),
    });
    await expectRestored();
    expect((await restore(server, "--resume")).exitCode).toBe(9);
    await moveOn();
  }, 240_000);

  test("a cluster that was accepted is not taken back either when the end fails", async () => {
    host.wrap(`[ -n "$restored" ] && exit 1`);
    const kept = await restore(server, "--yes --keep");
    expectRefusal(kept, {
      exit: 1,
      says: "it was kept as asked",
      hint: "accept it: railiance-cluster restore --resume; go back: railiance-cluster restore --rollback",
    });
    expectRefusal(await restore(server, "--yes"), {
      exit: 10,
      says: "failed its check and was kept",
      hint: "accept it: railiance-cluster restore --resume; go back: railiance-cluster restore --rollback",
    });
    host.wrap("");
    const journal: Order = { kinds: "rename", action: "EIO", number: 1, of: at(JOURNAL) };
    expectNotEnded(await restoreOn(journal, "--resume"), "accepted");
    expect((await restore(server, "--resume")).exitCode).toBe(0);
    await untilReady(server);
    await expectRestored();
    await moveOn();
  }, 240_000);
});

function at(path: string): NonNullable<Order["of"]> {
  return { path, after: false };
}
