/** Whose database a file is, read from real snapshots of one cluster and from kine's own table. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import {
  identityInEtcd,
  traceInEtcd,
  traceInSqlite,
} from "../../../src/datastore/cluster-trace.ts";
import { openBolt } from "../../../src/datastore/bolt.ts";
import { inspectSnapshot } from "../../../src/datastore/etcd-snapshot.ts";
import { liveKeys } from "../../../src/datastore/mvcc.ts";
import { tokenHash, tokenPassword } from "../../../src/datastore/token.ts";
import { openSqlite } from "../../../src/sys/sqlite.ts";
import { withFolder } from "../../helpers/folder.ts";
import { snapshotFile, truth } from "../diff/support.ts";
import { fixture } from "../sqlite/support.ts";

const NAMESPACE = "/registry/namespaces/kube-system";

function uidOf(side: "older" | "newer"): string | undefined {
  const found = truth()[side].find(
    ({ kind, metadata }) => kind === "Namespace" && metadata.name === "kube-system",
  );
  return found?.metadata.uid;
}

async function storedAt(key: string): Promise<Uint8Array> {
  for await (const record of liveKeys(await openBolt(snapshotFile("newer")), { prefix: key })) {
    if (record.key.startsWith(key)) return await record.readValue();
  }
  throw new Error(`no ${key} in the fixture`);
}

describe("the trace of a cluster", () => {
  test("is the same UID in two snapshots of it, as kubectl said it, with the time it began", async () => {
    const [older, newer] = [
      await identityInEtcd(snapshotFile("older")),
      await identityInEtcd(snapshotFile("newer")),
    ];
    expect(older.uid).toBe(uidOf("older"));
    expect(newer).toEqual(older);
    expect(older.begun?.toISOString()).toMatch(/^2026-/);
  });

  test("tells the last sign of life: later in the later snapshot, and after the cluster began", async () => {
    const [older, newer] = [
      await traceInEtcd(snapshotFile("older")),
      await traceInEtcd(snapshotFile("newer")),
    ];
    expect(older.alive?.getTime()).toBeGreaterThanOrEqual(older.begun?.getTime() ?? Infinity);
    expect(newer.alive?.getTime()).toBeGreaterThan(older.alive?.getTime() ?? Infinity);
    expect(newer.uid).toBe(uidOf("newer"));
  });

  test("counts the keys as a whole inspection does, and names the token that opens it", async () => {
    const facts = await inspectSnapshot(snapshotFile("newer"));
    const trace = await traceInEtcd(snapshotFile("newer"));
    expect(trace.keys).toBe(facts.keys);
    expect(trace.revision).toBe(facts.revision);
    expect(trace.tokenHashes).toEqual([tokenHash(tokenPassword(truth().token))]);
  });

  test("is the same out of kine's table, where only the newest row of a key counts", async () => {
    const [namespace, lease] = [await storedAt(NAMESPACE), await storedAt("/registry/leases/")];
    await withFolder(async (folder) => {
      const path = `${folder}/copy.db`;
      writeFileSync(path, fixture("copy.db"));
      const database = new DatabaseSync(path);
      const insert = database.prepare(
        "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value) VALUES (?, ?, ?, 0, ?, 0, ?)",
      );
      insert.run(NAMESPACE, 1, 0, 0, new Uint8Array([1, 2, 3]));
      insert.run(NAMESPACE, 0, 0, 1, namespace);
      insert.run("/registry/leases/kube-system/one", 1, 0, 0, lease);
      insert.run("/registry/leases/kube-system/gone", 1, 0, 0, lease);
      insert.run("/registry/leases/kube-system/gone", 0, 1, 1, null);
      {
        using reader = openSqlite(path);
        const trace = traceInSqlite(reader);
        expect(trace.uid).toBe(uidOf("newer"));
        expect(trace.begun).toEqual((await identityInEtcd(snapshotFile("newer"))).begun);
        expect(trace.alive instanceof Date).toBe(true);
        expect(trace.tokenHashes.length).toBeGreaterThan(0);
      }
      insert.run(NAMESPACE, 0, 1, 2, namespace); // a later kine may keep the value
      database.close();
      using reader = openSqlite(path);
      expect(traceInSqlite(reader).uid).toBe(undefined);
    });
  });

  test("a cluster that has no namespace yet has no UID", async () => {
    await withFolder(async (folder) => {
      writeFileSync(`${folder}/copy.db`, fixture("copy.db"));
      using reader = openSqlite(`${folder}/copy.db`);
      expect(traceInSqlite(reader)).toMatchObject({ uid: undefined, begun: undefined });
    });
  });
});
