/** The first 100 bytes of an SQLite file (https://sqlite.org/fileformat.html 1.3): is it whole, and does it stand alone. */
import { OperatorError } from "../errors.ts";
import type { RandomAccess } from "../sys/files.ts";
import { viewOf } from "./bytes.ts";
import { USE_ANOTHER } from "./damage.ts";

const MAGIC = "SQLite format 3\0";
const HEADER_LENGTH = 100;
/** Versions to write and to read the file: 1 without, 2 with a write-ahead log. */
const WITHOUT_LOG = 1;

export interface SqliteHeader {
  readonly pageSize: number;
  readonly pages: number;
}

/** The error for a database that is not whole. `what` is a clause without content of it. */
export function databaseDamaged(what: string): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "DATABASE_DAMAGED",
    `the SQLite database is damaged: ${what}`,
    { hint: USE_ANOTHER },
  );
}

/**
 * Reads the header. Throws OperatorError `verifyFailed` with DATABASE_NOT_SQLITE,
 * DATABASE_NEEDS_LOG, DATABASE_DAMAGED or DATABASE_CUT.
 */
export async function readSqliteHeader(file: RandomAccess): Promise<SqliteHeader> {
  const head = await file.read(0, Math.min(HEADER_LENGTH, file.size));
  if (new TextDecoder("latin1").decode(head.subarray(0, MAGIC.length)) !== MAGIC) {
    throw notSqlite(file.size === 0 ? "it is empty" : "it does not begin like one");
  }
  if (head.byteLength < HEADER_LENGTH) throw cut(`its ${file.size} bytes end within its header`);
  const view = viewOf(head);
  requireNoLog(view);
  const pageSize = view.getUint16(16) === 1 ? 65_536 : view.getUint16(16);
  if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0) {
    throw databaseDamaged(`it says that its pages have ${pageSize} bytes`);
  }
  const pages = view.getUint32(28);
  // SQLite takes the number of pages for valid only as long as these two agree.
  if (view.getUint32(24) !== view.getUint32(92)) {
    throw databaseDamaged("its header was written by halves");
  }
  if (file.size !== pages * pageSize) {
    throw cut(`it has ${file.size} bytes where its header says ${pages * pageSize}`);
  }
  return { pageSize, pages };
}

/**
 * K3s's own file counts on the log beside it: copied without, it opens well and
 * has silently lost the newest objects (facts k3s-observed.md 5). A copy made by
 * SQLite says in its header that it needs none.
 */
function requireNoLog(view: DataView): void {
  if (view.getUint8(18) === WITHOUT_LOG && view.getUint8(19) === WITHOUT_LOG) return;
  throw new OperatorError(
    "verifyFailed",
    "DATABASE_NEEDS_LOG",
    "the SQLite database has a log beside it (state.db-wal) that holds its newest objects, and only the database is here",
    { hint: "it is K3s's own file, copied by hand; use a backup, which takes both" },
  );
}

function notSqlite(what: string): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "DATABASE_NOT_SQLITE",
    `this is not an SQLite database: ${what}`,
    { hint: USE_ANOTHER },
  );
}

function cut(what: string): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "DATABASE_CUT",
    `the SQLite database is incomplete: ${what}`,
    { hint: USE_ANOTHER },
  );
}
