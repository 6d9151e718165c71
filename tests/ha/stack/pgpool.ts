/**
 * Two PostgreSQL servers and pgpool in front, as the incident had them: pgpool
 * promotes the standby (`failover_command`) when it knows who is the primary,
 * and it learns that as `sr_check_user`, with a password.
 */
import { mkdirSync, writeFileSync, chmodSync } from "node:fs";
import { join } from "node:path";
import { BIN, POSTGRES, psqlOf, startPrimary, startStandby } from "./postgres.ts";
import { freePort } from "./ports.ts";
import { until, workplace } from "./programs.ts";
import type { Workplace } from "./programs.ts";

export interface PgpoolStack extends AsyncDisposable {
  readonly work: Workplace;
  readonly port: number;
  readonly backends: readonly number[];
  readonly pcpPort: number;
  psql(port: number, text: string): string;
}

/** Starts both servers and the pool; ready when the pool answers and knows two backends. */
export async function startPgpool(options: {
  readonly srCheckPassword: "right" | "wrong";
  /** Asynchronous: what the primary acknowledged may die with it (seen: 1 write of 2092 in 20 kills). Default: synchronous. */
  readonly replication?: "synchronous" | "asynchronous";
}): Promise<PgpoolStack> {
  const work = workplace();
  try {
    const [first, second, port, pcpPort] = [
      await freePort(),
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    const psql = psqlOf(work);
    await startPrimary(work, first);
    psql(first, "create role srcheck login replication password 'right' in role pg_monitor");
    psql(first, "create role replicator login replication");
    await startStandby(work, { port: second, primary: first });
    if (options.replication !== "asynchronous") await replicateSynchronously(psql, first);
    configurePool(work, {
      backends: [first, second],
      port,
      pcpPort,
      password: options.srCheckPassword,
    });
    work.start(
      "pgpool",
      ["pgpool", "-n", "-f", "pgpool.conf", "-F", "pcp.conf", "-a", "pool_hba.conf"],
      POSTGRES,
    );
    await until("pgpool", () => psql(port, "select 1").trim() === "1");
    await until(
      "two backends",
      () => psql(port, "show pool_nodes").trim().split("\n").length === 2,
    );
    if (options.srCheckPassword === "right") {
      await until("a primary and a streaming standby", () => {
        const nodes = psql(port, "show pool_nodes");
        return /\|primary\|primary\|/.test(nodes) && nodes.includes("streaming");
      });
    }
    return {
      work,
      port,
      backends: [first, second],
      pcpPort,
      psql,
      [Symbol.asyncDispose]: () => work[Symbol.asyncDispose](),
    };
  } catch (error) {
    await work[Symbol.asyncDispose]();
    throw error;
  }
}

/** On the primary only, after the standby was copied: promoted, that one has nobody to wait for. */
async function replicateSynchronously(psql: PgpoolStack["psql"], primary: number): Promise<void> {
  psql(primary, "alter system set synchronous_standby_names = '*'");
  psql(primary, "select pg_reload_conf()");
  await until(
    "a synchronous standby",
    () => psql(primary, "select sync_state from pg_stat_replication").trim() === "sync",
  );
}

function configurePool(
  work: Workplace,
  pool: {
    readonly backends: readonly number[];
    readonly port: number;
    readonly pcpPort: number;
    readonly password: string;
  },
): void {
  const { folder } = work;
  const script = join(folder, "failover.sh");
  // %m and %P: ids of the new and the old primary; %R: folder of the new one.
  writeFileSync(
    script,
    `#!/bin/sh\necho "$@" >> ${folder}/failover.log\n[ "$1" = "$2" ] && ${BIN}/pg_ctl promote -D "$3" -w\n`,
  );
  chmodSync(script, 0o755);
  for (const name of ["pcp.conf", "pool_hba.conf"]) writeFileSync(join(folder, name), "");
  mkdirSync(join(folder, "sockets"), { mode: 0o777 });
  chmodSync(join(folder, "sockets"), 0o777);
  const backends = pool.backends.map(
    (port, index) => `backend_hostname${index} = '127.0.0.1'
backend_port${index} = ${port}
backend_weight${index} = 1
backend_flag${index} = 'ALLOW_TO_FAILOVER'
backend_application_name${index} = 'pg-${port}'
backend_data_directory${index} = '${folder}/pg-${port}'
`,
  );
  writeFileSync(
    join(folder, "pgpool.conf"),
    `backend_clustering_mode = 'streaming_replication'
listen_addresses = '127.0.0.1'
port = ${pool.port}
pcp_port = ${pool.pcpPort}
unix_socket_directories = '${folder}/sockets'
pcp_socket_dir = '${folder}/sockets'
wd_ipc_socket_dir = '${folder}/sockets'
pid_file_name = '${folder}/pgpool.pid'
logdir = '${folder}'
${backends.join("")}enable_pool_hba = off
num_init_children = 8
load_balance_mode = on
sr_check_period = 1
sr_check_user = 'srcheck'
sr_check_password = '${pool.password}'
sr_check_database = 'postgres'
health_check_period = 1
health_check_timeout = 2
health_check_user = 'postgres'
health_check_database = 'postgres'
failover_on_backend_error = on
search_primary_node_timeout = 5
failover_command = '${script} %d %P %R'
`,
  );
}

/** A drill of this stack, with the window it must keep. */
export function pgpoolDrill({ port, work }: PgpoolStack): string {
  return `apiVersion: railiance/drill/v1
name: postgres-primary-kill
about: the primary behind pgpool is killed
steadyState:
  - {id: pool, timeout: 10s, pgpool: {via: "127.0.0.1:${port}", nodes: 2, write: false}}
baseline: 2s
probe: {kind: sql, via: "127.0.0.1:${port}", interval: 50ms, timeout: 2s}
target: {resolve: pgpool, via: "127.0.0.1:${port}"}
kill: {method: process, pidFile: "${work.folder}/pg-{port}/postmaster.pid"}
recovery: {window: 30s, consecutive: 5, maxLostAcked: 0}
after:
  - {id: writable, timeout: 20s, postgres: {via: "127.0.0.1:${port}"}}
`;
}
