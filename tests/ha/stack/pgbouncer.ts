/** One PostgreSQL server behind PgBouncer. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { POSTGRES, psqlOf, startPrimary } from "./postgres.ts";
import { freePort } from "./ports.ts";
import { until, workplace } from "./programs.ts";
import type { Workplace } from "./programs.ts";

export interface PgbouncerStack extends AsyncDisposable {
  readonly work: Workplace;
  readonly port: number;
  readonly server: number;
  psql(port: number, text: string, database?: string): string;
}

export async function startPgbouncer(): Promise<PgbouncerStack> {
  const work = workplace();
  try {
    const [server, port] = [await freePort(), await freePort()];
    const psql = psqlOf(work);
    await startPrimary(work, server);
    const { folder } = work;
    writeFileSync(join(folder, "users.txt"), '"postgres" ""\n');
    writeFileSync(
      join(folder, "pgbouncer.ini"),
      `[databases]
postgres = host=127.0.0.1 port=${server} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${folder}/users.txt
admin_users = postgres
pool_mode = transaction
default_pool_size = 2
server_login_retry = 1
query_wait_timeout = 30
ignore_startup_parameters = extra_float_digits
`,
    );
    work.start("pgbouncer", ["pgbouncer", "pgbouncer.ini"], POSTGRES);
    await until("PgBouncer", () => psql(port, "select 1").trim() === "1");
    return { work, port, server, psql, [Symbol.asyncDispose]: () => work[Symbol.asyncDispose]() };
  } catch (error) {
    await work[Symbol.asyncDispose]();
    throw error;
  }
}
