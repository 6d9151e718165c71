/**
 * kine's table in SQLite: every change of every key is a row, and the row's id is
 * the revision (facts k3s-observed.md 17). The live value of a key is its row with
 * the highest id, unless that says it was deleted.
 */
import { OperatorError, messageOf, systemCode } from "../errors.ts";
import type { SqlReader, SqlRow } from "../sys/sqlite.ts";
import { BOOTSTRAP_PREFIX } from "./bootstrap.ts";
import type { BootstrapKey } from "./bootstrap.ts";
import { USE_ANOTHER } from "./damage.ts";
import { databaseDamaged } from "./sqlite-header.ts";

const COLUMNS = [
  "id",
  "name",
  "created",
  "deleted",
  "create_revision",
  "prev_revision",
  "lease",
  "value",
  "old_value",
];
/** kine's own note of how far history was removed; no key of the cluster. */
export const COMPACTED = "compact_rev_key";

export interface KineFacts {
  readonly revision: number;
  /** Revision up to which history was removed; 0 when it never was. */
  readonly compactRevision: number;
  readonly keys: number;
  readonly registryKeys: number;
}

/** What SQLite says when the fault lies in the file, not in the system or another process. */
const IN_THE_FILE = ["SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_ERROR"];

/** Rows of a query, with SQLite's own words about a damaged file made into DATABASE_DAMAGED. */
export function* rowsOf(database: SqlReader, sql: string): Generator<SqlRow> {
  try {
    yield* database.rows(sql);
  } catch (error) {
    if (!IN_THE_FILE.includes(systemCode(error) ?? "")) throw error;
    throw databaseDamaged(messageOf(error).slice(0, 200));
  }
}

/** Throws DATABASE_NOT_KINE unless kine's table is there as K3s makes it. */
export function requireKine(database: SqlReader): void {
  const [table] = rowsOf(
    database,
    "SELECT count(*) AS number FROM sqlite_schema WHERE type = 'table' AND name = 'kine'",
  );
  if (table?.["number"] !== 1) throw notKine("it has no table kine");
  const columns = [...rowsOf(database, "PRAGMA table_info(kine)")];
  const missing = COLUMNS.filter((name) => !columns.some((column) => column["name"] === name));
  if (missing.length > 0) throw notKine(`its table kine has no column ${missing.join(", ")}`);
  const key = columns.filter((column) => column["pk"] !== 0).map((column) => column["name"]);
  if (key.join() !== "id") throw notKine("the rows of its table kine are not numbered by id");
}

/** Counts what lives. Throws DATABASE_NOT_KINE when the rows cannot be kine's. */
export function readKine(database: SqlReader): KineFacts {
  requireProperRows(database);
  const revision = numberIn(database, "SELECT max(id) AS number FROM kine");
  const counter = numberIn(
    database,
    "SELECT max(seq) AS number FROM sqlite_sequence WHERE name = 'kine'",
  );
  if (counter < revision) {
    throw notKine(`its newest revision is ${revision}, and its counter stands at ${counter}`);
  }
  const compactRevision = numberIn(
    database,
    `SELECT max(prev_revision) AS number FROM kine WHERE name = '${COMPACTED}'`,
  );
  if (compactRevision > revision) {
    throw notKine(
      `history was removed up to ${compactRevision}, its newest revision is ${revision}`,
    );
  }
  const live = (where: string): number =>
    numberIn(
      database,
      `SELECT count(*) AS number FROM kine AS row
       JOIN (SELECT max(id) AS id FROM kine WHERE ${where} GROUP BY name) AS newest ON row.id = newest.id
       WHERE row.deleted = 0`,
    );
  return {
    revision,
    compactRevision,
    keys: live(`name <> '${COMPACTED}'`),
    registryKeys: live("name >= '/registry/' AND name < '/registry0'"),
  };
}

/** SQLite lets any column hold anything; kine would stumble over it only when it comes by. */
function requireProperRows(database: SqlReader): void {
  const wrong = numberIn(
    database,
    `SELECT count(*) AS number FROM kine WHERE id < 1 OR typeof(name) <> 'text'
     OR typeof(created) <> 'integer' OR typeof(deleted) <> 'integer'
     OR typeof(prev_revision) <> 'integer'`,
  );
  if (wrong > 0) throw notKine(`it has ${wrong} rows that kine cannot have written`);
}

/** The live `/bootstrap/<hash>` keys. K3s first makes such a key empty, so each has several rows. */
export function bootstrapKeys(database: SqlReader): BootstrapKey[] {
  const live = new Map<string, Uint8Array>();
  const rows = rowsOf(
    database,
    "SELECT name, deleted, value FROM kine WHERE name >= '/bootstrap/' AND name < '/bootstrap0' ORDER BY id",
  );
  for (const { name, deleted, value } of rows) {
    const hash = String(name).slice(BOOTSTRAP_PREFIX.length);
    if (deleted === 0) live.set(hash, bytesOf(value));
    else live.delete(hash);
  }
  return [...live]
    .map(([hash, value]) => ({ hash, readValue: () => Promise.resolve(value) }))
    .toSorted((left, right) => (left.hash < right.hash ? -1 : 1));
}

function bytesOf(value: SqlRow[string] | undefined): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return typeof value === "string" ? new TextEncoder().encode(value) : new Uint8Array();
}

/** The one number of a query; 0 for none. A number too large to hold is damage. */
function numberIn(database: SqlReader, sql: string): number {
  const [row] = rowsOf(database, sql);
  const number = row?.["number"];
  if (number === null) return 0;
  if (!Number.isSafeInteger(number)) {
    throw notKine("it holds numbers that kine cannot have written");
  }
  return Number(number);
}

/** The error for a database that K3s did not make. `what` is a clause. */
export function notKine(what: string): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "DATABASE_NOT_KINE",
    `the SQLite database is not K3s's: ${what}`,
    { hint: USE_ANOTHER },
  );
}
