import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { moveAside } from "../../../src/app/restore-aside.ts";
import { movesOf } from "../../../src/app/restore-plan.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import type { Move } from "../../../src/app/journal.ts";

const ITEMS = ["db/state.db", "db/state.db-wal", "db/state.db-shm", "token"];

function planned(folder: string): Promise<Move[]> {
  return movesOf(folder, { stamp: "20261123T023107Z", items: ITEMS });
}

function lay(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(`${folder}/server/db`, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    writeFileSync(`${folder}/server/${name}`, content);
  }
}

const BEFORE = "server/before-20261123T023107Z";

describe("moveAside()", () => {
  test("keeps an empty log beside an SQLite database that has none, so that a later one is known as another's", async () => {
    await withFolder(async (folder) => {
      lay(folder, { "db/state.db": "old", "db/state.db-shm": "index" });
      const moves = await planned(folder);
      await moveAside({ plan: { moves } });
      expect(treeOf(folder).filter((path) => path.startsWith(`${BEFORE}/`))).toEqual([
        `${BEFORE}/db-state.db`,
        `${BEFORE}/db-state.db-shm`,
        `${BEFORE}/db-state.db-wal`,
      ]);
      expect(readFileSync(`${folder}/${BEFORE}/db-state.db-wal`, "utf8")).toBe("");
      expect(readFileSync(`${folder}/${BEFORE}/db-state.db-shm`, "utf8")).toBe("index");
    });
  });

  test("leaves what it has kept as it is when it runs again after a cut", async () => {
    await withFolder(async (folder) => {
      lay(folder, { "db/state.db": "old", "db/state.db-wal": "log" });
      const moves = await planned(folder);
      await moveAside({ plan: { moves: moves.slice(0, 2) } });
      await moveAside({ plan: { moves } });
      expect(readFileSync(`${folder}/${BEFORE}/db-state.db`, "utf8")).toBe("old");
      expect(readFileSync(`${folder}/${BEFORE}/db-state.db-wal`, "utf8")).toBe("log");
      expect(readFileSync(`${folder}/${BEFORE}/db-state.db-shm`, "utf8")).toBe("");
    });
  });

  test("makes up nothing where there is no SQLite database, nor for what else is missing", async () => {
    await withFolder(async (folder) => {
      lay(folder, { token: "K10" });
      await moveAside({ plan: { moves: await planned(folder) } });
      expect(treeOf(folder).filter((path) => path.startsWith(`${BEFORE}/`))).toEqual([
        `${BEFORE}/token`,
      ]);
    });
  });
});
