/** The way back from a restore by hand, typed into a shell: real folders, real databases of one cluster. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { readAttempt } from "../../../src/app/attempt-facts.ts";
import { judgeAttempt } from "../../../src/app/attempt-verdict.ts";
import { wayBack } from "../../../src/app/attempt-way-back.ts";
import { runCommand } from "../../../src/sys/exec.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { truth } from "../diff/support.ts";
import { layEtcd, layRemains, put, settingsIn } from "./support.ts";
import { FIRST, giveToken } from "./attempt-support.ts";

describe("the way back, typed into a shell", () => {
  async function goBack(folder: string, config: Record<string, string[]> = {}): Promise<string> {
    const settings = settingsIn(folder, config);
    const facts = await readAttempt(testHost(), settings, { figures: true });
    const verdict = judgeAttempt(facts, false);
    if (!("real" in verdict) || verdict.real === undefined) throw new Error(verdict.state);
    const { command } = await wayBack(facts, verdict.real, { settings, stamp: "S" });
    return await withFolder(async (bin) => {
      writeFileSync(`${bin}/systemctl`, `#!/bin/sh\necho "$@" >> ${bin}/log\n`, { mode: 0o755 });
      const path = `${bin}:${process.env["PATH"] ?? ""}`;
      const result = await runCommand(["bash", "-c", command], { path, home: bin });
      expect({ command, exit: result.exitCode, stderr: result.stderr }).toEqual({
        command,
        exit: 0,
        stderr: "",
      });
      return readFileSync(`${bin}/log`, "utf8");
    });
  }

  test("moves everything in the way aside, deletes nothing, and puts the database where it was", async () => {
    await withFolder(async (base) => {
      const folder = `${base}/it's here`;
      const db = `${folder}/server/db`;
      giveToken(folder);
      layEtcd(folder, FIRST, "newer");
      layRemains(folder, "etcd");
      for (const name of ["state.db", "state.db-wal", "state.db-shm", "reset-flag"]) {
        put(`${db}/${name}`, name);
      }
      put(`${db}/state.db.migrated`, "kept");
      const before = treeOf(db).length;
      expect(await goBack(folder)).toBe("stop k3s\nstart k3s\n");
      const after = treeOf(db);
      expect(after.filter((name) => !name.includes("/"))).toEqual(
        ["aside-S", "etcd", "snapshots-none", "state.db.migrated"].filter(
          (name) => name !== "snapshots-none",
        ),
      );
      expect(treeOf(`${db}/aside-S`)).toEqual([
        "etcd",
        "etcd/name",
        "reset-flag",
        "state.db",
        "state.db-shm",
        "state.db-wal",
      ]);
      expect(after).toContain("etcd/member/snap/db");
      expect(after).toHaveLength(before + 1);
    });
  });

  test("keys that the reset replaced come back, others stay", async () => {
    await withFolder(async (folder) => {
      const server = `${folder}/server`;
      giveToken(folder);
      layEtcd(folder, FIRST, "newer");
      put(`${server}/tls/server-ca.crt`, "foreign");
      put(`${server}/tls-1795300000/server-ca.crt`, "of an earlier reset");
      put(`${server}/tls-1795400001/server-ca.crt`, "ours");
      await goBack(folder);
      expect(readFileSync(`${server}/tls/server-ca.crt`, "utf8")).toBe("ours");
      expect(readFileSync(`${server}/db/aside-S/tls/server-ca.crt`, "utf8")).toBe("foreign");
    });
    await withFolder(async (folder) => {
      const server = `${folder}/server`;
      giveToken(folder);
      layEtcd(folder, FIRST, "newer");
      put(`${server}/tls/server-ca.crt`, "ours");
      put(`${server}/tls-1795400001/server-ca.crt`, "ours");
      await goBack(folder);
      expect(treeOf(server)).toContain("tls-1795400001");
    });
  });

  test("a password that does not open the database is moved aside when the configuration has the right token", async () => {
    await withFolder(async (folder) => {
      const passwd = `${folder}/server/cred/passwd`;
      layEtcd(folder, FIRST, "newer");
      put(passwd, "WRONG,server,server,k3s:server\n");
      await goBack(folder, { token: [truth().token] });
      expect(readFileSync(`${folder}/server/db/aside-S/passwd`, "utf8")).toStartWith("WRONG");
      expect(treeOf(`${folder}/server/cred`)).toEqual([]);
    });
  });

  test("with no right token anywhere it is taken out of the newest archive first, before anything is moved", async () => {
    await withFolder(async (folder) => {
      layEtcd(folder, FIRST, "newer");
      put(`${folder}/server/cred/passwd`, "WRONG,server,server,k3s:server\n");
      const settings = settingsIn(folder);
      const facts = await readAttempt(testHost(), settings, { figures: true });
      const [real] = facts.candidates;
      if (real === undefined) throw new Error("no candidate");
      const way = await wayBack(facts, real, { settings, stamp: "S" });
      expect(way.needsArchive).toBe(true);
      expect(way.command.split(" && ")[0]).toBe(
        "railiance-cluster extract k3s/token -o /run/railiance-way-back",
      );
    });
  });
});
