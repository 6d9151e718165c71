/** A private file without a name that SQLite has open: for a database whose plaintext must not outlive the process. */
import { createSpool } from "./spool.ts";
import { openSqlite } from "./sqlite.ts";
import type { SpoolRange } from "./spool.ts";
import type { SqliteFile, SqlReader } from "./sqlite.ts";

export interface SqliteSpool extends AsyncDisposable {
  /** Takes the whole database, once; `database` reads what `file` holds. Throws what the stream or the system throws. */
  fill(
    stream: AsyncIterable<Uint8Array>,
  ): Promise<{ readonly file: SpoolRange; readonly database: SqlReader }>;
}

/**
 * Makes a spool on the file system of `parent`, which must exist. SQLite finds
 * no file through `/proc/self/fd`, so it opens this one while it still has a
 * name and no content; reading a database begins with its first query.
 */
export async function createSqliteSpool(parent: string): Promise<SqliteSpool> {
  let database: SqliteFile | undefined;
  const spool = await createSpool(parent, {
    whileNamed: (path) => {
      database = openSqlite(path);
    },
  });
  if (database === undefined) throw new TypeError("a spool was made without its name");
  const opened = database;
  return {
    fill: async (stream) => ({ file: await spool.append(stream), database: opened }),
    async [Symbol.asyncDispose]() {
      opened[Symbol.dispose]();
      await spool[Symbol.asyncDispose]();
    },
  };
}
