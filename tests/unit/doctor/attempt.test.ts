/** What the pieces of a restore by hand mean: real folders, real databases of one cluster. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { readAttempt } from "../../../src/app/attempt-facts.ts";
import { judgeAttempt, realOf } from "../../../src/app/attempt-verdict.ts";
import { wayBack } from "../../../src/app/attempt-way-back.ts";
import { readServerFolder } from "../../../src/k3s/server-folder.ts";
import { runCommand } from "../../../src/sys/exec.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { truth } from "../diff/support.ts";
import { layEtcd, layRemains, put, settingsIn } from "./support.ts";
import type { Candidate, Trace } from "../../../src/app/attempt-facts.ts";
import type { AttemptVerdict } from "../../../src/app/attempt-verdict.ts";

const FIRST = "etcd-old-1795400000";
const SECOND = "etcd-old-1795400100";

const password = truth()
  .token.replace(/^K10.*?::server:/, "")
  .trim();

function giveToken(folder: string): void {
  put(`${folder}/server/cred/passwd`, `${password},server,server,k3s:server\n`);
}

async function verdictIn(folder: string, running = false): Promise<AttemptVerdict> {
  const settings = settingsIn(folder);
  const facts = await readAttempt(testHost(), settings, { figures: true });
  return judgeAttempt(facts, running);
}

function realName(verdict: AttemptVerdict): string | undefined {
  const real = "real" in verdict ? verdict.real : undefined;
  return real?.old.path.replace(/^.*\//, "");
}

describe("the folder of a server", () => {
  const CASES: readonly (readonly [string, (data: string) => void, Record<string, unknown>])[] = [
    ["nothing there", () => undefined, { etcd: "missing", etcdOld: [], resetFlag: false }],
    ["etcd with its log", (data) => layEtcd(data, "etcd"), { etcd: "database" }],
    ["parts of etcd", (data) => layRemains(data, "etcd"), { etcd: "torso" }],
    ["a log that is a file", (data) => put(`${data}/server/db/etcd/member/wal`), { etcd: "torso" }],
    [
      "a tombstone beside a log",
      (data) => {
        layEtcd(data, "etcd");
        put(`${data}/server/db/etcd/tombstone`);
      },
      { etcd: "tombstone" },
    ],
    ["a flag", (data) => put(`${data}/server/db/reset-flag`), { resetFlag: true }],
    [
      "names that are nearly those of K3s",
      (data) => {
        for (const name of ["etcd-old-x", "etcd-old-1795400000.bak", "my-etcd-old-1795400000"]) {
          layEtcd(data, name);
        }
      },
      { etcdOld: [] },
    ],
  ];
  for (const [name, make, expected] of CASES) {
    test(`${name}: told as what it is`, async () => {
      await withFolder(async (folder) => {
        make(folder);
        expect(await readServerFolder(folder)).toMatchObject(expected);
      });
    });
  }

  test("several kept ones come oldest first, told apart by their log", async () => {
    await withFolder(async (folder) => {
      layRemains(folder, SECOND);
      layEtcd(folder, FIRST);
      const { etcdOld } = await readServerFolder(folder);
      expect(etcdOld.map(({ moved, whole }) => [moved.getTime() / 1000, whole])).toEqual([
        [1795400000, true],
        [1795400100, false],
      ]);
    });
  });
});

describe("the verdict", () => {
  test("no database, one kept: failed, and nothing stands in its place", async () => {
    await withFolder(async (folder) => {
      layEtcd(folder, FIRST, "newer");
      layRemains(folder, SECOND);
      const verdict = await verdictIn(folder);
      expect(verdict).toMatchObject({ state: "failed", instead: "nothing" });
      expect(realName(verdict)).toBe(FIRST);
      layRemains(folder, "etcd");
      expect(await verdictIn(folder)).toMatchObject({ state: "failed", instead: "torso" });
    });
  });

  test("a kept database that cannot be read counts all the same", async () => {
    await withFolder(async (folder) => {
      layEtcd(folder, FIRST);
      const verdict = await verdictIn(folder);
      expect(verdict).toMatchObject({ state: "failed" });
      expect(realName(verdict)).toBe(FIRST);
    });
  });

  test("the same cluster in place and running: nothing, whatever is kept", async () => {
    await withFolder(async (folder) => {
      layEtcd(folder, FIRST, "newer");
      layEtcd(folder, "etcd", "older");
      expect(await verdictIn(folder, true)).toEqual({ state: "none" });
    });
  });

  test("an older state in place, and K3s down: not started yet; a newer one has run", async () => {
    await withFolder(async (folder) => {
      giveToken(folder);
      layEtcd(folder, FIRST, "newer");
      layEtcd(folder, "etcd", "older");
      expect(await verdictIn(folder)).toMatchObject({ state: "not-started" });
      layEtcd(folder, FIRST, "older");
      layEtcd(folder, "etcd", "newer");
      expect(await verdictIn(folder)).toEqual({ state: "none" });
      put(`${folder}/server/db/reset-flag`);
      expect(await verdictIn(folder)).toMatchObject({ state: "not-started" });
      // With another password K3s would not start on it at all.
      put(`${folder}/server/cred/passwd`, "WRONG,server,server,k3s:server\n");
      expect(await verdictIn(folder)).toMatchObject({ state: "wrong-token" });
      // The configuration counts before it.
      const settings = settingsIn(folder, { token: [truth().token] });
      const facts = await readAttempt(testHost(), settings, { figures: true });
      expect(judgeAttempt(facts, false)).toMatchObject({ state: "not-started" });
    });
  });

  test("a member that was removed is that, whatever is kept beside it", async () => {
    await withFolder(async (folder) => {
      layEtcd(folder, FIRST, "newer");
      put(`${folder}/server/db/etcd/tombstone`);
      expect(await verdictIn(folder)).toEqual({ state: "none" });
    });
  });

  test("another cluster in place: failed when it began after the reset, and none when it is older", async () => {
    await withFolder(async (folder) => {
      layEtcd(folder, FIRST, "newer");
      layEtcd(folder, "etcd", "newer");
      const facts = await readAttempt(testHost(), settingsIn(folder), { figures: true });
      const other = (seconds: number): Trace => ({ uid: "other", begun: new Date(seconds * 1000) });
      const after = { ...facts, current: other(1795400060) };
      expect(judgeAttempt(after, true)).toMatchObject({ state: "failed", instead: "etcd" });
      expect(judgeAttempt({ ...facts, current: other(1795300000) }, true).state).toBe("none");
      // So new that it has not even its first namespace.
      const none = { ...facts, current: { uid: undefined, begun: undefined } };
      expect(judgeAttempt(none, true)).toMatchObject({ state: "failed" });
    });
  });

  test("SQLite in its place: failed when it began after the reset, and none when it is older", async () => {
    await withFolder(async (folder) => {
      layEtcd(folder, FIRST, "newer");
      put(`${folder}/server/db/state.db`);
      const facts = await readAttempt(testHost(), settingsIn(folder), { figures: true });
      const at = (seconds: number): Trace => ({ uid: "other", begun: new Date(seconds * 1000) });
      const after = { ...facts, current: at(1795400060) };
      expect(judgeAttempt(after, true)).toMatchObject({ state: "failed", instead: "sqlite" });
      expect(judgeAttempt({ ...facts, current: at(1795300000) }, true).state).toBe("none");
    });
  });

  test("a current database that cannot be read is not judged", async () => {
    await withFolder(async (folder) => {
      layEtcd(folder, FIRST, "newer");
      layEtcd(folder, "etcd");
      expect(await verdictIn(folder, true)).toMatchObject({ state: "unknown" });
    });
  });
});

describe("which kept database is the real one", () => {
  const at = (minute: number): Date => new Date(Date.UTC(2026, 10, 23, 2, minute));
  const one = (name: string, moved: number, trace?: Trace): Candidate => ({
    old: { path: name, moved: at(moved), whole: true },
    trace,
  });
  const trace = (uid: string, begun: number, alive: number): Trace => ({
    uid,
    begun: at(begun),
    alive: at(alive),
  });

  test("not that of a cluster that began when the other was gone, however much newer it is", () => {
    const candidates = [one("ours", 10, trace("a", 0, 9)), one("empty", 30, trace("b", 11, 29))];
    expect(realOf(candidates)?.old.path).toBe("ours");
  });

  test("not a snapshot of it that was put in place and never ran", () => {
    const candidates = [one("ours", 10, trace("a", 0, 9)), one("put", 12, trace("a", 0, 5))];
    expect(realOf(candidates)?.old.path).toBe("ours");
  });

  test("the later one, when the cluster ran on between two resets", () => {
    const candidates = [one("first", 10, trace("a", 0, 9)), one("later", 50, trace("a", 0, 49))];
    expect(realOf(candidates)?.old.path).toBe("later");
  });

  test("another cluster that is older than the reset is one that was restored here", () => {
    const candidates = [one("first", 10, trace("a", 0, 9)), one("moved", 50, trace("b", 1, 49))];
    expect(realOf(candidates)?.old.path).toBe("moved");
  });

  test("one that can be read before one that cannot; with none, the oldest", () => {
    expect(realOf([one("torn", 1), one("ours", 2, trace("a", 0, 1))])?.old.path).toBe("ours");
    expect(realOf([one("oldest", 1), one("other", 2)])?.old.path).toBe("oldest");
    expect(realOf([])).toBe(undefined);
  });
});

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
