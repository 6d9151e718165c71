/** Going back to a K3s that does not become ready any more: all is in its place, the restore is over, and another archive can be tried. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { untilReady } from "../fault/bench.ts";
import { skipWithoutLab } from "../lab/server.ts";
import { movedOn } from "./moved-on.ts";
import {
  JOURNAL,
  expectRefusal,
  leftovers,
  makeObject,
  objectsOf,
  restore,
} from "./restore-host.ts";
import type { BareServer } from "../lab/server.ts";
import type { MovedOn } from "./moved-on.ts";
import type { Backup } from "./restore-host.ts";

const CONFIG = "/etc/rancher/k3s/config.yaml";

describe.skipIf(skipWithoutLab())("going back to a K3s that is not ready", () => {
  let host: MovedOn;
  let server: BareServer;
  let backup: Backup;

  beforeAll(async () => {
    host = await movedOn();
    ({ server, backup } = host);
  }, 120_000);
  afterAll(() => host[Symbol.asyncDispose]());
  afterEach(() => host.settle(), 120_000);

  test("what was there and cannot start any more is put back all the same, and the next archive can be tried", async () => {
    const config = server.read(CONFIG);
    server.write(CONFIG, `${config}\nkube-apiserver-arg: no-such-flag=1\n`); // K3s runs, and has not read it yet
    try {
      host.wrap(`[ -n "$restored" ] && exit 1`);
      const result = await restore(server, "--yes");
      expectRefusal(result, {
        exit: 1,
        says: /the restored cluster is not well: .*; what was there is back in place and K3s was started, but it is not ready: (systemd has given K3s up|K3s has ended \d+ times) \(.+\)$/,
        hint: "railiance-cluster restore ARCHIVE",
      });
      expect(result.stderr).toContain("journalctl -u k3s");
      expect(result.stderr.slice(result.stderr.indexOf("error: "))).not.toContain("--rollback");
      expect(await leftovers(server)).toBe("");
      expect(server.read(CONFIG)).toContain("no-such-flag");
      host.wrap("");
      const next = await restore(server, `--yes ${backup.archive}`);
      expect({ exit: next.exitCode, stderr: next.stderr }).toEqual({
        exit: 0,
        stderr: expect.stringContaining("K3s is free again"),
      });
      expect(await objectsOf(server)).toBe(backup.objects);
      expect(server.read(CONFIG)).toBe(config);
      expect(await leftovers(server)).toBe("");
      await makeObject(server, "later");
    } finally {
      server.write(CONFIG, config);
    }
  }, 240_000);

  test("--rollback says the same when the old K3s cannot start, and ends", async () => {
    const config = server.read(CONFIG);
    const before = await objectsOf(server);
    host.wrap(`[ -n "$restored" ] && exit 1`);
    expect((await restore(server, "--yes --keep")).exitCode).toBe(1);
    const [kept = ""] = server.read(JOURNAL).split("\n");
    expect(kept).toContain('"wasReady":true');
    host.wrap(`case "$1" in server) exit 1;; esac`);
    expectRefusal(await restore(server, "--rollback"), {
      exit: 1,
      says: "what was there is back in place and K3s was started, but it is not ready: ",
      hint: "restore ARCHIVE",
    });
    host.wrap("");
    expect(await leftovers(server)).toBe("");
    expect(server.read(CONFIG)).toBe(config);
    await server.must("systemctl reset-failed k3s; systemctl start --no-block k3s");
    await untilReady(server);
    expect(await objectsOf(server)).toBe(before);
  }, 240_000);

  test("a K3s that is active and not ready was not ready before: going back does not wait for it", async () => {
    host.wrap(
      `[ -n "$restored" ] && exit 1; case "$*" in *--raw=/readyz*) [ ! -e ${JOURNAL} ] && exit 1;; esac`,
    );
    expectRefusal(await restore(server, "--yes"), {
      exit: 1,
      says: /; what was there before was started again; it was not ready then either$/,
    });
    host.wrap("");
    expect(await leftovers(server)).toBe("");
  }, 240_000);
});
