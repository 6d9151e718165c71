/** Where plaintext may lie while it is checked. */
import { createSpool } from "../sys/spool.ts";
import { createSqliteSpool } from "../sys/sqlite-spool.ts";
import { chooseStageParent } from "../sys/stage-file.ts";
import type { Host } from "../sys/host.ts";
import type { Spool } from "../sys/spool.ts";
import type { SqliteSpool } from "../sys/sqlite-spool.ts";

export interface SpoolPlace {
  readonly size: number;
  readonly parent?: string | undefined;
}

/**
 * A nameless private file for `size` bytes: in memory when there is room, else
 * on the disk of `parent`, which is TMPDIR or /var/tmp when not given.
 */
export async function makeSpool(host: Host, place: SpoolPlace): Promise<Spool> {
  return createSpool(await parentFor(host, place));
}

/** The same for a database that SQLite is to read. */
export async function makeSqliteSpool(host: Host, place: SpoolPlace): Promise<SqliteSpool> {
  return createSqliteSpool(await parentFor(host, place));
}

function parentFor(host: Host, { size, parent }: SpoolPlace): Promise<string> {
  return chooseStageParent(size, parent ?? host.env["TMPDIR"] ?? "/var/tmp");
}
