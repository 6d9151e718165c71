/** What the pieces of a restore by hand mean: real folders, real databases of one cluster. */
import { describe, expect, test } from "bun:test";
import { readAttempt } from "../../../src/app/attempt-facts.ts";
import { judgeAttempt, realOf } from "../../../src/app/attempt-verdict.ts";
import { withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { truth } from "../diff/support.ts";
import { layEtcd, layRemains, put, settingsIn } from "./support.ts";
import type { Candidate, Trace } from "../../../src/app/attempt-facts.ts";
import type { AttemptVerdict } from "../../../src/app/attempt-verdict.ts";
import { FIRST, SECOND, giveToken } from "./attempt-support.ts";

async function verdictIn(folder: string, running = false): Promise<AttemptVerdict> {
  const settings = settingsIn(folder);
  const facts = await readAttempt(testHost(), settings, { figures: true });
  return judgeAttempt(facts, running);
}

function realName(verdict: AttemptVerdict): string | undefined {
  const real = "real" in verdict ? verdict.real : undefined;
  return real?.old.path.replace(/^.*\//, "");
}

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
