/** PostgreSQL servers as processes of a test: a primary, and standbys that stream from it. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "./programs.ts";
import type { Workplace } from "./programs.ts";

/** PostgreSQL refuses to run as root. */
export const POSTGRES = { user: "postgres" };
export const BIN = "/usr/lib/postgresql/15/bin";

/** Gives the answer of one query, columns parted by `|`; throws with psql's output when it fails. */
export function psqlOf(work: Workplace): (port: number, text: string, database?: string) => string {
  const words = `${BIN}/psql -XAt -v ON_ERROR_STOP=1 -h 127.0.0.1 -U postgres`.split(" ");
  return (port, text, database = "postgres") =>
    work.run([...words, "-p", String(port), "-d", database, "-c", text], POSTGRES);
}

/** Trust for all but pgpool's own user, whose password is what this is about. */
const HBA = `local all all trust
host all srcheck 127.0.0.1/32 scram-sha-256
host replication srcheck 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
host replication all 127.0.0.1/32 trust
`;

/** A new server, empty but for itself. */
export async function startPrimary(work: Workplace, port: number): Promise<void> {
  const data = join(work.folder, `pg-${port}`);
  work.run([`${BIN}/initdb`, "-D", data, "-U", "postgres", "--auth=trust", "--no-sync"], POSTGRES);
  writeFileSync(join(data, "pg_hba.conf"), HBA);
  startServer(work, port);
  await answers(work, port);
}

/** A copy of the primary that streams from it. */
export async function startStandby(
  work: Workplace,
  options: { readonly port: number; readonly primary: number },
): Promise<void> {
  const data = join(work.folder, `pg-${options.port}`);
  work.run(
    [
      `${BIN}/pg_basebackup`,
      "-h",
      "127.0.0.1",
      "-p",
      String(options.primary),
      "-U",
      "replicator",
      "-D",
      data,
      "-R",
      "-c",
      "fast",
    ],
    POSTGRES,
  );
  startServer(work, options.port);
  await answers(work, options.port);
}

export function startServer(work: Workplace, port: number): void {
  const settings = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: work.folder,
    fsync: "off",
    wal_level: "replica",
    max_wal_senders: 5,
    hot_standby: "on",
    wal_keep_size: "64MB",
    cluster_name: `pg-${port}`,
  };
  const words = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  work.start(
    `pg-${port}`,
    [`${BIN}/postgres`, "-D", join(work.folder, `pg-${port}`), ...words],
    POSTGRES,
  );
}

async function answers(work: Workplace, port: number): Promise<void> {
  await until(`PostgreSQL on ${port}`, () => {
    work.run([`${BIN}/pg_isready`, "-q", "-h", "127.0.0.1", "-p", String(port)], POSTGRES);
    return true;
  });
}
