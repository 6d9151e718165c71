/** `doctor` on a server that runs on SQLite, and pieces of etcd beside it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import { checkOf, commandOf, examine, type } from "./doctor-host.ts";
import { DATA, expectRefusal, hostWithBackup, objectsOf } from "./restore-host.ts";
import { PROGRAM } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

const DB = `${DATA}/server/db`;

describe.skipIf(skipWithoutLab())("pieces of etcd on a server that runs on SQLite", () => {
  let server: BareServer;
  let before = "";

  beforeAll(async () => {
    ({ server } = await hostWithBackup({ datastore: "sqlite" }));
    before = await objectsOf(server);
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test("a server as it should be: nothing fails", async () => {
    const found = await examine(server);
    expect(found.exit).toBe(0);
    expect(checkOf(found, "k3s.datastore").detail).toBe(`SQLite in ${DB}`);
    expect(checkOf(found, "k3s.token").detail).toBe("the server token opens the datastore");
  });

  test("a bare folder of etcd is no datastore, and moved aside by the command", async () => {
    await server.must(`mkdir -p ${DB}/etcd && touch ${DB}/etcd/name`);
    const found = await examine(server);
    expect(found.exit).toBe(0);
    const check = checkOf(found, "attempt.torso");
    expect(check.outcome).toBe("warn");
    await server.must(`${PROGRAM} backup -q`);
    await type(server, commandOf(check, "move it aside: "));
    expect(checkOf(await examine(server), "attempt").outcome).toBe("ok");
    await server.must("systemctl restart k3s", { timeout: 60_000 });
    expect(await objectsOf(server)).toBe(before);
  }, 90_000);

  test("an etcd moved aside later than this cluster began is not what it ran on: a backup is made", async () => {
    await server.must(`mkdir -p ${DB}/etcd-old-$(($(date +%s) + 3600))/member/wal`);
    expect(checkOf(await examine(server), "attempt").outcome).toBe("ok");
    await server.must(`${PROGRAM} backup -q`);
    // The other way round this cluster is the empty one that a start made.
    await server.must(`rm -r ${DB}/etcd-old-* && mkdir -p ${DB}/etcd-old-1600000000/member/wal`);
    const refused = await server.run(`${PROGRAM} backup`);
    expectRefusal(refused, {
      exit: 10,
      says: "etcd-old-1600000000 (cannot be read); K3s runs on a new",
    });
    await server.must(`rm -r ${DB}/etcd-old-*`);
  }, 90_000);
});
