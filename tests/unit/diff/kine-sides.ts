/** kine's table filled by a test: row by row, or with everything a real snapshot of the lab holds. */
import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { etcdObjects } from "../../../src/datastore/etcd-objects.ts";
import { withFolder } from "../../helpers/folder.ts";
import { snapshotFile } from "./support.ts";
import type { StatementSync } from "node:sqlite";
import type { FixtureName } from "./support.ts";

/** As kine 0.17 makes it (facts k3s-observed.md 17, and its indexes). */
const SCHEMA = `
  CREATE TABLE kine (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, created INTEGER, deleted INTEGER,
    create_revision INTEGER, prev_revision INTEGER, lease INTEGER, value BLOB, old_value BLOB);
  CREATE INDEX kine_name_index ON kine (name);
  CREATE INDEX kine_name_id_index ON kine (name, id);
  CREATE INDEX kine_id_deleted_index ON kine (id, deleted);
  CREATE INDEX kine_prev_revision_index ON kine (prev_revision);
  CREATE UNIQUE INDEX kine_name_prev_revision_uindex ON kine (name, prev_revision);`;

export interface KineRow {
  readonly name: string;
  readonly value: Uint8Array | null;
  readonly created?: number;
  readonly deleted?: number;
  readonly createRevision?: number;
  readonly prevRevision?: number;
}

/** A database that is written to as kine does it: each change of a key is a row of its own. */
export class KineFile implements Disposable {
  readonly #database: DatabaseSync;
  readonly #insert: StatementSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(SCHEMA);
    this.#insert = this.#database.prepare(
      `INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value)
       VALUES (?, ?, ?, ?, ?, 0, ?)`,
    );
  }

  /** Returns the row's id, which is the revision. */
  add(row: KineRow): number {
    const { name, value, created = 1, deleted = 0, createRevision = 0, prevRevision = 0 } = row;
    const done = this.#insert.run(name, created, deleted, createRevision, prevRevision, value);
    return Number(done.lastInsertRowid);
  }

  run(sql: string): void {
    this.#database.exec(sql);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

/**
 * The database of the cluster of a fixture as if it had never left SQLite: the same keys
 * and values, counted by kine. Its bytes, and what the manifest says of it.
 */
export async function databaseOf(
  name: FixtureName,
): Promise<{ readonly bytes: Uint8Array; readonly revision: number; readonly keys: number }> {
  return await withFolder(async (folder) => {
    const rows: KineRow[] = [];
    await etcdObjects(snapshotFile(name)).walk(({ key, value }) => {
      rows.push({ name: new TextDecoder().decode(key), value: value.slice() });
    });
    const path = `${folder}/state.db`;
    using file = new KineFile(path);
    file.run("BEGIN");
    // By name: the keys without a UID come first, so that both fixtures made them at one revision.
    const ids = rows
      .toSorted((one, other) => (one.name < other.name ? -1 : 1))
      .map((row) => file.add(row));
    file.run("COMMIT; VACUUM");
    const kept = rows.filter((row) => row.name !== "compact_rev_key");
    return {
      bytes: new Uint8Array(readFileSync(path)),
      revision: ids.at(-1) ?? 0,
      keys: kept.length,
    };
  });
}
