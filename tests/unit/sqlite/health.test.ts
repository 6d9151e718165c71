/** The health gate knows which datastore was restored, and that an empty cluster on the other one is ready too. */
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { checkHealth } from "../../../src/k3s/health.ts";
import { withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { testSettings } from "../../helpers/settings.ts";

/** What is said of the datastore with these things below server/db; K3s itself has failed, which ends the other checks. */
async function datastoreCheck(
  datastore: "etcd" | "sqlite",
  there: { readonly etcd: boolean; readonly database: boolean },
): Promise<string> {
  return await withFolder(async (folder) => {
    const db = `${folder}/server/db`;
    mkdirSync(there.etcd ? `${db}/etcd/member/wal` : `${db}/etcd`, { recursive: true });
    if (there.database) writeFileSync(`${db}/state.db`, "");
    const systemctl = '#!/bin/sh\ncase "$1" in is-active) echo failed;; *) echo 0;; esac\n';
    writeFileSync(`${folder}/systemctl`, systemctl, { mode: 0o755 });
    const host = testHost({ path: `${folder}:${process.env["PATH"] ?? ""}` });
    const report = await checkHealth(host, {
      settings: { ...testSettings({}), dataDir: folder },
      since: new Date(),
      taken: new Date(),
      datastore,
      revision: 1,
      nodeName: "s1",
      serverCa: "",
      canaries: [],
      releases: [],
      isArchived: () => Promise.resolve(true),
    });
    const check = report.checks.find(({ id }) => id === "datastore");
    return `${check?.passed === true ? "passed" : "failed"}: ${check?.detail ?? ""}`;
  });
}

describe("checkHealth() of the datastore", () => {
  test("SQLite passes with its database and no etcd; a bare folder db/etcd does not matter", async () => {
    expect(await datastoreCheck("sqlite", { etcd: false, database: true })).toBe("passed: SQLite");
  });

  test("SQLite fails when K3s took an etcd of its own, or the database is gone", async () => {
    for (const database of [true, false]) {
      expect(await datastoreCheck("sqlite", { etcd: true, database })).toContain(
        "failed: K3s runs on an etcd of its own",
      );
    }
    expect(await datastoreCheck("sqlite", { etcd: false, database: false })).toContain(
      "failed: K3s does not run on the restored SQLite database",
    );
  });

  test("etcd passes alone, and fails beside a new SQLite database or without its log", async () => {
    expect(await datastoreCheck("etcd", { etcd: true, database: false })).toContain("passed");
    expect(await datastoreCheck("etcd", { etcd: true, database: true })).toContain("failed");
    expect(await datastoreCheck("etcd", { etcd: false, database: false })).toContain("failed");
  });
});
