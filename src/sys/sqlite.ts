/** SQLite files, read by the library inside the runtime (Bun and Deno both have `node:sqlite`): no sqlite3 on the host. */
import { DatabaseSync } from "node:sqlite";
import type { StatementSync } from "node:sqlite";
import { messageOf } from "../errors.ts";

export type SqlValue = null | number | bigint | string | Uint8Array;
export type SqlRow = Readonly<Record<string, SqlValue>>;

/** An open database, as far as reading it goes; what `datastore/` works on. */
export interface SqlReader {
  /** The rows of a query, one at a time. Throws an SqlError, also in the middle. */
  rows(sql: string, ...values: readonly SqlValue[]): IterableIterator<SqlRow>;
}

export interface SqliteFile extends SqlReader, Disposable {
  /** Writes the database as it is now, newest rows of its log included, to a file that is empty or not there. */
  copyTo(path: string): void;
}

/** SQLite's result codes that somebody can do something about, https://sqlite.org/rescode.html. */
const CODES: Readonly<Record<number, string>> = {
  5: "SQLITE_BUSY",
  6: "SQLITE_BUSY",
  10: "SQLITE_IOERR",
  11: "SQLITE_CORRUPT",
  13: "SQLITE_FULL",
  14: "SQLITE_CANTOPEN",
  26: "SQLITE_NOTADB",
};

/** What SQLite refused; `code` is `SQLITE_BUSY`, `SQLITE_CORRUPT`, …, or `SQLITE_ERROR` for all others. */
export class SqlError extends Error {
  override readonly name = "SqlError";
  readonly code: string;

  constructor(thrown: unknown) {
    super(messageOf(thrown), { cause: thrown });
    this.code = CODES[primaryCode(thrown)] ?? "SQLITE_ERROR";
  }
}

/**
 * Opens a database that another process may be writing to, for reading alone:
 * its log (`-wal`) is read, and neither emptied nor removed at the end, because
 * a file that is open for reading cannot be locked for that. Without an index of
 * its log (`-shm`) SQLite makes one. `wait`: milliseconds a lock of another
 * process may take. Throws an SqlError. Nothing of the content is read yet.
 */
export function openSqlite(path: string, options: { readonly wait?: number } = {}): SqliteFile {
  const database = trapped(() => new DatabaseSync(path, { readOnly: true }));
  // A file from elsewhere may be made to do harm: https://sqlite.org/security.html
  const settings = ["trusted_schema = OFF", "cell_size_check = ON", "mmap_size = 0"];
  settings.push(`busy_timeout = ${options.wait ?? 5000}`);
  settings.push("temp_store = MEMORY"); // or names of objects could get into /var/tmp
  trapped(() => database.exec(settings.map((one) => `PRAGMA ${one};`).join("\n")));
  return {
    *rows(sql, ...values) {
      const rows = trapped(() => iterate(database.prepare(sql), values));
      try {
        for (;;) {
          const next = trapped(() => rows.next());
          if (next.done === true) return;
          yield next.value;
        }
      } finally {
        rows.return?.(); // nobody asked for the rest: SQLite ends its read
      }
    },
    copyTo(path) {
      trapped(() => database.prepare("VACUUM INTO ?").run(path));
    },
    [Symbol.dispose]() {
      if (database.isOpen) database.close();
    },
  };
}

/** Deno 2.9's iterate() takes an error for the end of the rows; all() throws it, and holds them all. */
function iterate(statement: StatementSync, values: readonly SqlValue[]): Iterator<SqlRow> {
  return "Deno" in globalThis
    ? statement.all(...values)[Symbol.iterator]()
    : statement.iterate(...values);
}

function trapped<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw new SqlError(error);
  }
}

/** Extended codes (`SQLITE_BUSY_RECOVERY`) hold the primary one in their lowest byte. Deno gives none at opening. */
function primaryCode(thrown: unknown): number {
  if (!(thrown instanceof Error)) return 0;
  if ("errcode" in thrown && typeof thrown.errcode === "number") return thrown.errcode & 0xff;
  return thrown.message.startsWith("unable to open database file") ? 14 : 0;
}
