/** copySqlite() beside a writer, and after one that was killed: everything is in the copy, nothing changes at home. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { createHash } from "node:crypto";
import { describe, expect, test } from "bun:test";
import { copySqlite, sqliteSize } from "../../../src/k3s/sqlite-copy.ts";
import { openSqlite } from "../../../src/sys/sqlite.ts";
import { createSqliteSpool } from "../../../src/sys/sqlite-spool.ts";
import { inspectSqlite } from "../../../src/datastore/sqlite-inspect.ts";
import { failureOf } from "../../helpers/errors.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { expected, fixture, inspectFile, layOutLive, PASSWORD } from "./support.ts";

interface Writer extends AsyncDisposable {
  readonly pid: number;
}

/** Starts writer.ts and waits until it has the database open. Disposing kills it. */
async function startWriter(path: string, doing: "write" | "hold"): Promise<Writer> {
  const script = `${import.meta.dirname}/writer.ts`;
  const args = "Deno" in globalThis ? ["run", "--allow-all", script] : [script];
  const child = spawn(process.execPath, [...args, path, doing], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    child.once("exit", () => reject(new Error("the writer did not start")));
  });
  return {
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await ended;
    },
  };
}

const copyOf = (folder: string) => ({ from: `${folder}/state.db`, to: `${folder}/copy/state.db` });
const modeOf = (path: string): number => statSync(path).mode & 0o777;
const hashOf = (path: string): string =>
  createHash("sha256").update(readFileSync(path)).digest("hex");

function countIn(path: string, side: string): number {
  using database = openSqlite(path);
  const [row] = database.rows("SELECT count(*) AS number FROM pair WHERE side = ?", side);
  return Number(row?.["number"]);
}

/** Waits until the writer has written more pairs than that. */
async function grownBeyond(path: string, pairs: number): Promise<void> {
  while (countIn(path, "left") <= pairs) await new Promise((resolve) => setTimeout(resolve, 5));
}

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

describe("copySqlite() beside a process that writes", () => {
  test("every copy is of one instant; the writer's log is neither emptied nor removed", async () => {
    await withFolder(async (folder) => {
      const live = layOutLive(folder);
      await using writer = await startWriter(live, "write");
      expect(writer.pid).toBeGreaterThan(0);
      const counts: number[] = [];
      for (let round = 0; round < 5; round += 1) {
        await grownBeyond(live, counts.at(-1) ?? 0);
        const log = statSync(`${live}-wal`).ino;
        const to = `${folder}/copy-${round}/state.db`;
        await copySqlite(testHost(), { from: live, to });
        expect(statSync(`${live}-wal`).ino).toBe(log);
        expect((await inspectFile(to)).keys).toBe(expected.keys);
        const left = countIn(to, "left");
        expect(countIn(to, "right")).toBe(left);
        counts.push(left);
      }
      expect([...new Set(counts)].toSorted((one, other) => one - other)).toEqual(counts);
    });
  });

  test("the writer's database is whole after it was killed, with all that a copy saw", async () => {
    await withFolder(async (folder) => {
      const live = layOutLive(folder);
      const writer = await startWriter(live, "write");
      await grownBeyond(live, 0);
      await copySqlite(testHost(), { from: live, to: `${folder}/one/state.db` });
      await writer[Symbol.asyncDispose]();
      const log = statSync(`${live}-wal`).size;
      expect(log).toBeGreaterThan(0);
      await copySqlite(testHost(), { from: live, to: `${folder}/two/state.db` });
      expect(statSync(`${live}-wal`).size).toBe(log);
      const [one, two] = [
        countIn(`${folder}/one/state.db`, "left"),
        countIn(`${folder}/two/state.db`, "left"),
      ];
      expect(two >= one).toBe(true);
      await inspectFile(`${folder}/two/state.db`);
    });
  });

  test("a process that keeps everyone out is named as the reason, and no half copy stays", async () => {
    await withFolder(async (folder) => {
      const live = layOutLive(folder);
      await using writer = await startWriter(live, "hold");
      expect(writer.pid).toBeGreaterThan(0);
      const failed = () => copySqlite(testHost(), { ...copyOf(folder), wait: 1 });
      expect((await failureOf(failed)).code).toBe("DATABASE_BUSY");
      expect(statSync(`${folder}/copy/state.db`).size).toBe(0);
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

describe("openSqlite()", () => {
  test("cannot write", async () => {
    await withFolder(async (folder) => {
      using database = openSqlite(layOutLive(folder));
      expect(() => [...database.rows("DELETE FROM kine")]).toThrow("readonly");
    });
  });

  test("gives rows one at a time, and takes it that nobody asks for the rest", async () => {
    await withFolder(async (folder) => {
      using database = openSqlite(layOutLive(folder));
      for (const { id } of database.rows("SELECT id FROM kine ORDER BY id")) {
        expect(id).toBe(1);
        break;
      }
      const [row] = database.rows("SELECT count(*) AS number FROM kine");
      expect(row?.["number"]).toBe(expected.revision);
    });
  });

  test("makes the index of a log that lost it, and no other file", async () => {
    await withFolder(async (folder) => {
      const live = layOutLive(folder);
      {
        using database = openSqlite(live);
        expect([...database.rows("SELECT id FROM kine LIMIT 1")]).toHaveLength(1);
      }
      expect(treeOf(folder)).toEqual(["state.db", "state.db-shm", "state.db-wal"]);
    });
  });
});

describe("createSqliteSpool()", () => {
  async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 1000) yield bytes.slice(at, at + 1000);
    await Promise.resolve();
  }

  test("its content has no name at any time, and SQLite reads all of it", async () => {
    await withFolder(async (folder) => {
      await using spool = await createSqliteSpool(folder);
      expect(treeOf(folder)).toEqual([]);
      const copy = await spool.fill(pieces(fixture("copy.db")));
      const facts = await inspectSqlite(copy, { password: PASSWORD });
      expect(facts.keys).toBe(expected.keys);
      expect(treeOf(folder)).toEqual([]);
    });
  });

  test("reads pages of any size", async () => {
    await withFolder(async (folder) => {
      for (const size of [512, 1024, 65_536]) {
        const path = `${folder}/${size}.db`;
        writeFileSync(path, fixture("copy.db"));
        const database = new DatabaseSync(path);
        database.exec(`PRAGMA page_size = ${size}; VACUUM`);
        database.close();
        await using spool = await createSqliteSpool(folder);
        const facts = await inspectSqlite(await spool.fill(pieces(readFileSync(path))));
        expect([facts.pageSize, facts.keys]).toEqual([size, expected.keys]);
        rmSync(path);
      }
    });
  });

  test("a database that is cut or damaged is refused, and one that counts on a log", async () => {
    const cut = fixture("copy.db").slice(0, -5000);
    const flipped = fixture("copy.db");
    flipped.fill(0xff, 8192, 8260);
    for (const bytes of [cut, flipped, fixture("live.db")]) {
      await withFolder(async (folder) => {
        await using spool = await createSqliteSpool(folder);
        const copy = await spool.fill(pieces(bytes));
        expect((await failureOf(() => inspectSqlite(copy))).code).toMatch(/^DATABASE_/);
      });
    }
  });
});
