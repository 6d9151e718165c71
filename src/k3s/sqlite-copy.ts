/** A copy of K3s's SQLite database at one instant, while K3s runs or stands still. */
import { OperatorError } from "../errors.ts";
import { pause } from "../sys/pause.ts";
import { removeFile } from "../sys/remove.ts";
import { openSqlite, SqlError } from "../sys/sqlite.ts";
import { makeEmptyFile } from "../sys/stage-file.ts";
import type { Host } from "../sys/host.ts";
import type { SqliteFile } from "../sys/sqlite.ts";

/** Tries while other processes hold locks, each waiting as long as SQLite's own time-out. */
const TRIES = 4;

/**
 * Copies `from` with all that is still only in its log to `to` (new, 0600). The
 * copy is one file without a log. `from` is only read: K3s may write meanwhile,
 * and the log stays as it is also when K3s stands still. Throws an
 * OperatorError `DATABASE_BUSY`, `DATABASE_DAMAGED`, `DATABASE_UNREADABLE` or
 * `NO_ROOM`; what was written so far stays to whoever owns its folder.
 */
export async function copySqlite(
  host: Host,
  paths: { readonly from: string; readonly to: string; readonly wait?: number },
): Promise<void> {
  const { from, to, wait } = paths;
  let made = false;
  await withDatabase(host, { path: from, wait }, async (database) => {
    if (made) await removeFile(to);
    await makeEmptyFile(to); // or SQLite would make it, 0644
    made = true;
    database.copyTo(to);
  });
}

/** Bytes a copy takes at the most, log included. Throws as `copySqlite`. */
export async function sqliteSize(host: Host, path: string): Promise<number> {
  return await withDatabase(host, { path }, (database) => {
    const sql = "SELECT page_count * page_size AS size FROM pragma_page_count, pragma_page_size";
    const [row] = database.rows(sql);
    return Promise.resolve(Number(row?.["size"]));
  });
}

async function withDatabase<T>(
  host: Host,
  from: { readonly path: string; readonly wait?: number | undefined },
  action: (database: SqliteFile) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    host.signal.throwIfAborted();
    try {
      using database = openSqlite(from.path, { wait: from.wait ?? 5000 });
      return await action(database);
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      if (error.code !== "SQLITE_BUSY" || attempt === TRIES) throw explained(error, from.path);
    }
    await pause(200 * attempt, host.signal);
  }
}

function explained(error: SqlError, path: string): OperatorError {
  const reason = error.message;
  switch (error.code) {
    case "SQLITE_BUSY":
      return new OperatorError(
        "precondition",
        "DATABASE_BUSY",
        `another process keeps ${path} locked`,
        { hint: `find it with: fuser ${path}; K3s itself never does so for long`, cause: error },
      );
    case "SQLITE_CORRUPT":
    case "SQLITE_NOTADB":
      return new OperatorError(
        "verifyFailed",
        "DATABASE_DAMAGED",
        `K3s's database ${path} is damaged: ${reason}`,
        {
          hint: "K3s may go on for a while, and lose data: restore the newest backup (railiance-cluster list)",
          cause: error,
        },
      );
    case "SQLITE_FULL":
      return new OperatorError(
        "precondition",
        "NO_ROOM",
        `there is no room left for the copy of ${path}`,
        { hint: "nothing was left behind; free some space, then run this again", cause: error },
      );
    default:
      return new OperatorError(
        "precondition",
        "DATABASE_UNREADABLE",
        `K3s's database ${path} cannot be copied: ${reason}`,
        {
          hint: "has its disk errors? look at: dmesg; what is wrong here: railiance-cluster doctor",
          cause: error,
        },
      );
  }
}
