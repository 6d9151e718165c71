import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "bun:test";
import { createSqliteSpool } from "../../../src/sys/sqlite-spool.ts";
import { inspectSqlite } from "../../../src/datastore/sqlite-inspect.ts";
import { failureOf } from "../../helpers/errors.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { expected, fixture, PASSWORD } from "./support.ts";

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
