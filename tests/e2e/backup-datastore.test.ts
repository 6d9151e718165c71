/** Hosts whose datastore cannot be saved: each is told apart, with exit 5 and one sentence. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { refused } from "./bad-backup.ts";
import { PROGRAM, giveKey } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

const DB = "/var/lib/rancher/k3s/server/db";

describe.skipIf(skipWithoutLab())("a backup of a server without a datastore of its own", () => {
  let server: BareServer;

  beforeAll(async () => {
    server = await startBareServer({ datastore: "sqlite" });
    await giveKey(server);
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test("names an external datastore's kind, and not its password", async () => {
    await server.stopCluster();
    const result = await (async () => {
      server.write(
        "/etc/rancher/k3s/config.yaml",
        "datastore-endpoint: postgres://k3s:hunter2@db.example:5432/k3s\n",
      );
      return refused(server, "", {
        exit: 5,
        says: "this K3s keeps its data in an external datastore (postgres)",
        hint: "that database's own tools",
      });
    })();
    expect(result.stderr).not.toContain("hunter2");
    server.write("/etc/rancher/k3s/config.yaml", "");
  });

  test("tells a member that was removed from its cluster, in the result file and as JSON too", async () => {
    server.write(`${DB}/etcd/tombstone`, "");
    await refused(server, "", {
      exit: 5,
      says: `this server was removed from its etcd cluster (${DB}/etcd/tombstone)`,
      hint: "a server that is a member",
    });
    const result = await server.run(`${PROGRAM} backup --json`);
    const given: unknown = JSON.parse(result.stdout);
    const kept: unknown = JSON.parse(server.read("/var/lib/railiance/results/cluster/backup.json"));
    expect(given).toMatchObject({ exit_code: 5, error: { code: "DATASTORE_TOMBSTONE" } });
    expect(kept).toMatchObject({ exit_code: 5, error: { code: "DATASTORE_TOMBSTONE" } });
    server.remove(`${DB}/etcd`);
  });

  test("warns of a start when the host has moved to etcd and its etcd is gone", async () => {
    await server.must(`mv ${DB}/state.db ${DB}/state.db.migrated`);
    await refused(server, "", {
      exit: 5,
      says: `${DB}/state.db.migrated shows that it moved to etcd, but ${DB}/etcd is not there`,
      hint: "do not start k3s",
    });
  });

  test("finds nothing on a host where K3s never ran", async () => {
    server.remove("/var/lib/rancher/k3s");
    await refused(server, "", {
      exit: 5,
      says: `K3s has no data on this host: there is no datastore below ${DB}`,
      hint: "--data-dir",
    });
  });
});
