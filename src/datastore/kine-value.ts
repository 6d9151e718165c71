/** One live value out of kine's table. */
import type { SqlReader } from "../sys/sqlite.ts";

/**
 * The value of a key such as `/registry/secrets/shop/login`, as it is stored;
 * undefined when there is none. The caller has proven the database before.
 */
export function kineValue(database: SqlReader, key: string): Uint8Array | undefined {
  const [row] = database.rows(
    "SELECT deleted, value FROM kine WHERE name = ? ORDER BY id DESC LIMIT 1",
    key,
  );
  const value = row?.["value"];
  return row?.["deleted"] === 0 && value instanceof Uint8Array ? value : undefined;
}
