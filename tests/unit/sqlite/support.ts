/** What the tests of SQLite share: kine's own files, and changes to a copy of them. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync } from "node:zlib";
import * as v from "valibot";
import { inspectSqlite } from "../../../src/datastore/sqlite-inspect.ts";
import { openFile } from "../../../src/sys/files.ts";
import { openSqlite } from "../../../src/sys/sqlite.ts";
import { withFolder } from "../../helpers/folder.ts";
import type { InspectOptions } from "../../../src/datastore/etcd-snapshot.ts";
import type { SqliteFacts } from "../../../src/datastore/sqlite-inspect.ts";

export const PASSWORD = "fixture-password";

const testdata = resolve(import.meta.dirname, "../../testdata/datastore/sqlite");

/** The bytes of `copy.db`, `live.db` or `live.db-wal`; see make.ts beside them. */
export function fixture(name: "copy.db" | "live.db" | "live.db-wal"): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(join(testdata, `${name}.gz`))));
}

const expectedSchema = v.object({
  revision: v.number(),
  keys: v.number(),
  registryKeys: v.number(),
  names: v.array(v.string()),
});

/** What the kine that wrote the files said of them. */
export const expected = v.parse(
  expectedSchema,
  JSON.parse(readFileSync(join(testdata, "expected.json"), "utf8")),
);

/** Lays K3s's own files out as after a kill: the database, and the log that holds nearly all of it. */
export function layOutLive(folder: string): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/state.db`, fixture("live.db"));
  writeFileSync(`${folder}/state.db-wal`, fixture("live.db-wal"));
  return `${folder}/state.db`;
}

/** Inspects a file as it lies there. */
export async function inspectFile(path: string, options?: InspectOptions): Promise<SqliteFacts> {
  await using file = await openFile(path);
  using database = openSqlite(path);
  return await inspectSqlite({ file, database }, options);
}

/** Inspects the copy of the fixtures after bytes of it were changed. */
export async function inspectBytes(
  bytes: Uint8Array,
  options?: InspectOptions,
): Promise<SqliteFacts> {
  return await withFolder(async (folder) => {
    writeFileSync(`${folder}/copy.db`, bytes);
    return await inspectFile(`${folder}/copy.db`, options);
  });
}

/** Inspects the copy of the fixtures after SQL changed it. */
export async function inspectChanged(sql: string, options?: InspectOptions): Promise<SqliteFacts> {
  return await withFolder(async (folder) => {
    const path = `${folder}/copy.db`;
    writeFileSync(path, fixture("copy.db"));
    const database = new DatabaseSync(path);
    database.exec(sql);
    database.close();
    return await inspectFile(path, options);
  });
}
