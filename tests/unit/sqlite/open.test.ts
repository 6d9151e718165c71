import { describe, expect, test } from "bun:test";
import { openSqlite } from "../../../src/sys/sqlite.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { expected, layOutLive } from "./support.ts";

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
