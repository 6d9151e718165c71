/** The live records of kine's table in SQLite, handed out one by one for a comparison. */
import type { SqlReader } from "../sys/sqlite.ts";
import type { ObjectSource } from "./compare.ts";
import type { EtcdObjectsOptions } from "./etcd-objects.ts";
import { COMPACTED, notKine, rowsOf } from "./kine.ts";
import { sealedValues } from "./secrets-encryption.ts";

/** Rows between two looks at the signal. */
const ROUND = 1000;

/**
 * The newest row of each name, unless it is a deletion. A name and a value as bytes,
 * however SQLite holds them. `IN` keeps the ids alone in order; joined, SQLite would sort the
 * values too. A row that creates has no create_revision of its own (facts k3s-observed.md 17).
 */
const LIVE = `SELECT id, CAST(name AS BLOB) AS name, CAST(value AS BLOB) AS value,
    CASE WHEN created = 1 THEN id ELSE create_revision END AS created
  FROM kine
  WHERE id IN (SELECT max(id) FROM kine GROUP BY name) AND deleted = 0 AND name <> '${COMPACTED}'
  ORDER BY id DESC`;

/**
 * A database as one side of compareObjects(). Its walk throws DATABASE_DAMAGED or
 * DATABASE_NOT_KINE; the caller has proven the database before.
 */
export function kineObjects(database: SqlReader, options: EtcdObjectsOptions = {}): ObjectSource {
  const { bootstrap, signal } = options;
  return {
    numbering: "kine",
    sealed: sealedValues(bootstrap),
    async walk(visit) {
      let rows = 0;
      for (const { id, name, value, created } of rowsOf(database, LIVE)) {
        if (rows % ROUND === 0) await look(signal);
        rows += 1;
        const [modRevision, createRevision] = [revisionOf(id), revisionOf(created)];
        visit({ key: bytesIn(name), value: bytesIn(value), createRevision, modRevision });
      }
    },
  };
}

/** SQLite answers without a pause; a signal is heard only in one. */
async function look(signal: AbortSignal | undefined): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
  signal?.throwIfAborted();
}

function revisionOf(value: unknown): number {
  if (Number.isSafeInteger(value)) return Number(value);
  throw notKine("it has a row whose revision is no number");
}

/** What kine stores empty comes back as null. */
function bytesIn(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array();
}
