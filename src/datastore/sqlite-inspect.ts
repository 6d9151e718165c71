/** Everything that can be known of a copy of K3s's SQLite database without a server: is it whole, what is in it, does the token open it. */
import { createHash } from "node:crypto";
import type { RandomAccess } from "../sys/files.ts";
import type { SqlReader } from "../sys/sqlite.ts";
import { decryptBootstrap, findBootstrap, requireBootstrapFiles } from "./bootstrap.ts";
import type { BootstrapData, BootstrapKey } from "./bootstrap.ts";
import type { InspectOptions } from "./etcd-snapshot.ts";
import type { DatastoreFacts } from "./facts.ts";
import { bootstrapKeys, readKine, requireKine, rowsOf } from "./kine.ts";
import { databaseDamaged, readSqliteHeader } from "./sqlite-header.ts";
import type { ReadOptions } from "./trailer.ts";
import { Windows } from "./windows.ts";

const PIECE = 256 * 1024;
const PROBLEMS_SHOWN = 3;

export interface SqliteFacts extends DatastoreFacts {
  /** Revision up to which history was removed; 0 when it never was. */
  readonly compactRevision: number;
}

export interface SqliteCopy {
  readonly file: RandomAccess;
  /** The same file, open in SQLite. */
  readonly database: SqlReader;
}

/**
 * Reads the file from end to end (hash), lets SQLite check every page and index,
 * then counts kine's rows, and opens the bootstrap data when a password is given.
 * SQLite's part cannot be interrupted; progress counts the reading alone. There is
 * no hash in the file itself: a bit that flips inside a value is seen only by
 * whoever knows the SHA-256. Throws OperatorError `verifyFailed` with
 * DATABASE_NOT_SQLITE, DATABASE_NEEDS_LOG, DATABASE_CUT, DATABASE_DAMAGED,
 * DATABASE_NOT_KINE, BOOTSTRAP_MISSING, BOOTSTRAP_OTHER_TOKEN or BOOTSTRAP_DAMAGED.
 */
export async function inspectSqlite(
  copy: SqliteCopy,
  options: InspectOptions = {},
): Promise<SqliteFacts> {
  const { file, database } = copy;
  const header = await readSqliteHeader(file);
  const sha256 = await hashOf(file, options);
  checkIntegrity(database);
  options.signal?.throwIfAborted();
  requireKine(database);
  const kine = readKine(database);
  const keys = bootstrapKeys(database);
  const bootstrap =
    options.password === undefined ? undefined : await openBootstrap(keys, options.password);
  return {
    size: file.size,
    sha256,
    ...header,
    ...kine,
    bootstrapHashes: keys.map(({ hash }) => hash),
    ...(bootstrap !== undefined && { bootstrap }),
  };
}

async function hashOf(file: RandomAccess, options: ReadOptions): Promise<string> {
  const hash = createHash("sha256");
  const memory = new Windows(file);
  for (let offset = 0; offset < file.size;) {
    options.signal?.throwIfAborted();
    const length = Math.min(PIECE, file.size - offset);
    const [piece = new Uint8Array()] = await memory.read([{ offset, length }]);
    hash.update(piece);
    offset += length;
    options.onProgress?.(offset, file.size);
  }
  return hash.digest("hex");
}

/** Pages, cells, order, every row in every index and the other way round. */
function checkIntegrity(database: SqlReader): void {
  const said: string[] = [];
  for (const row of rowsOf(database, `PRAGMA integrity_check(${PROBLEMS_SHOWN})`)) {
    said.push(String(row["integrity_check"]).replaceAll(/\s+/g, " ").slice(0, 200));
  }
  // An answer that breaks off is no "ok" either.
  if (said.length !== 1 || said[0] !== "ok") {
    throw databaseDamaged(said.join("; ") || "SQLite cannot check it");
  }
}

async function openBootstrap(
  keys: readonly BootstrapKey[],
  password: string,
): Promise<BootstrapData> {
  const key = findBootstrap(keys, password);
  const data = decryptBootstrap(await key.readValue(), password);
  requireBootstrapFiles(data, "sqlite");
  return data;
}
