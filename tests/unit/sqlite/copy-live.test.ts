/** copySqlite() beside a writer, and after one that was killed: everything is in the copy, nothing changes at home. */
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { copySqlite } from "../../../src/k3s/sqlite-copy.ts";
import { openSqlite } from "../../../src/sys/sqlite.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { expected, inspectFile, layOutLive } from "./support.ts";
import { copyOf } from "./copy-support.ts";

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

function countIn(path: string, side: string): number {
  using database = openSqlite(path);
  const [row] = database.rows("SELECT count(*) AS number FROM pair WHERE side = ?", side);
  return Number(row?.["number"]);
}

/** Waits until the writer has written more pairs than that. */
async function grownBeyond(path: string, pairs: number): Promise<void> {
  while (countIn(path, "left") <= pairs) await new Promise((resolve) => setTimeout(resolve, 5));
}

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
