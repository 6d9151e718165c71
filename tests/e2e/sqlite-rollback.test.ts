/** Going back on SQLite from a K3s that has written a log of its own: a new log beside an old database mixes the two. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import {
  DATA,
  hostWithBackup,
  leftovers,
  makeObject,
  objectsOf,
  restore,
  signalledAt,
  until,
} from "./restore-host.ts";
import type { BareServer } from "../lab/server.ts";

const SERVER = `${DATA}/server`;
const LOG = `${SERVER}/db/state.db-wal`;

describe.skipIf(skipWithoutLab())("going back on SQLite", () => {
  let server: BareServer;
  let before = "";

  beforeAll(async () => {
    ({ server } = await hostWithBackup({ datastore: "sqlite" }));
    await makeObject(server, "later");
    before = await objectsOf(server);
    await server.stopCluster();
    // As whoever closes it last leaves it: all in one file.
    server.write(
      "/root/close.py",
      `import sqlite3\ndb = sqlite3.connect("${SERVER}/db/state.db")\ndb.execute("pragma wal_checkpoint(truncate)")\ndb.close()\n`,
    );
    await server.must("python3 /root/close.py");
    // Without it nobody can look into the database, and so nobody opens it before it is moved.
    await server.must(`mv ${SERVER}/token ${SERVER}/cred/passwd /root/`);
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test("where there was no log, the restored K3s's is moved away with its database", async () => {
    expect(server.exists(LOG)).toBe(false);
    await signalledAt(server, "check", { signal: "KILL" });
    await until("a log of the restored K3s", async () => {
      return (await server.run(`test -s ${LOG}`)).exitCode === 0;
    });
    const result = await restore(server, "--rollback");
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("everything is as it was before"),
    });
    expect((await server.run(`test -s ${LOG}`)).exitCode).toBe(1);
    await server.must(`test -s ${SERVER}/undone-*/db-state.db-wal`);
    expect(await leftovers(server)).toBe("");
    await server.must(`mv /root/token ${SERVER}/token; mv /root/passwd ${SERVER}/cred/passwd`);
    await server.startCluster();
    expect(await objectsOf(server)).toBe(before);
  }, 240_000);
});
