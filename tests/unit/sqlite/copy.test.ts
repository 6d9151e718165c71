import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { createHash } from "node:crypto";
import { describe, expect, test } from "bun:test";
import { copySqlite, sqliteSize } from "../../../src/k3s/sqlite-copy.ts";
import { failureOf } from "../../helpers/errors.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { expected, fixture, inspectFile, layOutLive, PASSWORD } from "./support.ts";
import { copyOf } from "./copy-support.ts";

const modeOf = (path: string): number => statSync(path).mode & 0o777;

const hashOf = (path: string): string =>
  createHash("sha256").update(readFileSync(path)).digest("hex");

describe("copySqlite() where K3s stands still", () => {
  test("takes what is only in the log, and leaves database and log as they are", async () => {
    await withFolder(async (folder) => {
      const live = layOutLive(folder);
      const before = [hashOf(live), hashOf(`${live}-wal`)];
      await copySqlite(testHost(), copyOf(folder));
      expect([hashOf(live), hashOf(`${live}-wal`)]).toEqual(before);
      const facts = await inspectFile(`${folder}/copy/state.db`, { password: PASSWORD });
      expect(facts.revision).toBe(expected.revision);
      expect(facts.keys).toBe(expected.keys);
    });
  });

  test("takes the database alone where the log was emptied into it", async () => {
    await withFolder(async (folder) => {
      const live = layOutLive(folder);
      const database = new DatabaseSync(live);
      database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      database.close();
      await copySqlite(testHost(), copyOf(folder));
      expect((await inspectFile(`${folder}/copy/state.db`)).keys).toBe(expected.keys);
    });
  });

  test("the copy is 0600 in a folder of 0700, alone, and needs no log", async () => {
    await withFolder(async (folder) => {
      layOutLive(folder);
      await copySqlite(testHost(), copyOf(folder));
      expect(modeOf(`${folder}/copy`)).toBe(0o700);
      expect(modeOf(`${folder}/copy/state.db`)).toBe(0o600);
      expect(treeOf(`${folder}/copy`)).toEqual(["state.db"]);
      expect([...readFileSync(`${folder}/copy/state.db`).subarray(18, 20)]).toEqual([1, 1]);
    });
  });

  test("never writes over a file that is there", async () => {
    await withFolder(async (folder) => {
      layOutLive(folder);
      await copySqlite(testHost(), copyOf(folder));
      await expect(copySqlite(testHost(), copyOf(folder))).rejects.toThrow("EEXIST");
    });
  });
});

describe("sqliteSize()", () => {
  test("counts what is only in the log", async () => {
    await withFolder(async (folder) => {
      const live = layOutLive(folder);
      await copySqlite(testHost(), copyOf(folder));
      const size = await sqliteSize(testHost(), live);
      expect(size).toBeGreaterThan(statSync(live).size);
      expect(size >= statSync(`${folder}/copy/state.db`).size).toBe(true);
    });
  });
});

describe("copySqlite() refuses", () => {
  test("a file that is no database, and one with a damaged page", async () => {
    await withFolder(async (folder) => {
      writeFileSync(`${folder}/state.db`, "x".repeat(9000));
      const first = await failureOf(() => copySqlite(testHost(), copyOf(folder)));
      expect(first.code).toBe("DATABASE_DAMAGED");
      rmSync(`${folder}/copy`, { recursive: true });
      const bytes = fixture("copy.db");
      bytes.fill(0xff, 4096, 4096 + 64);
      writeFileSync(`${folder}/state.db`, bytes);
      const second = await failureOf(() => copySqlite(testHost(), copyOf(folder)));
      expect(second.code).toBe("DATABASE_DAMAGED");
      expect(second.message).toContain(`${folder}/state.db`);
    });
  });

  test("a file that is not there, without making one", async () => {
    await withFolder(async (folder) => {
      const error = await failureOf(() => copySqlite(testHost(), copyOf(folder)));
      expect(error.code).toBe("DATABASE_UNREADABLE");
      expect(existsSync(`${folder}/state.db`)).toBe(false);
    });
  });

  test("to go on after a signal", async () => {
    await withFolder(async (folder) => {
      layOutLive(folder);
      const host = testHost({ signal: AbortSignal.abort(new Error("stopped")) });
      await expect(copySqlite(host, copyOf(folder))).rejects.toThrow("stopped");
      expect(existsSync(`${folder}/copy`)).toBe(false);
    });
  });
});
