/**
 * Three PostgreSQL members under Patroni, its store the lab's etcd through the
 * v3 API, and haproxy in front, which asks Patroni who is the primary.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { startPod } from "./pod.ts";
import { psqlOf } from "./postgres.ts";
import { freePort } from "./ports.ts";
import { until, workplace } from "./programs.ts";
import { checkPatroni } from "../../../src/ha/checks/patroni.ts";
import type { Workplace } from "./programs.ts";

export interface PatroniStack extends AsyncDisposable {
  readonly work: Workplace;
  /** Where clients go. */
  readonly port: number;
  /** `127.0.0.1:8008` of each member's own HTTP interface. */
  readonly members: readonly string[];
}

interface Member {
  readonly name: string;
  readonly api: number;
  readonly port: number;
}

const ETCD = resolve(process.env["LAB_BIN"] ?? `${import.meta.dirname}/../../../.lab/bin`, "etcd");
const NAMES = ["pg1", "pg2", "pg3"];

/** Ready when there is a leader, two standbys stream, one of them synchronous, and haproxy lets a client through. */
export async function startPatroni(): Promise<PatroniStack> {
  const work = workplace();
  try {
    const [store, peer, port] = [await freePort(), await freePort(), await freePort()];
    startStore(work, { store, peer });
    await until("etcd", async () => (await fetch(`http://127.0.0.1:${store}/health`)).ok);
    const members: Member[] = [];
    for (const name of NAMES) members.push({ name, api: await freePort(), port: await freePort() });
    for (const member of members) startMember(work, { member, store });
    startProxy(work, { members, port });
    const addresses = members.map(({ api }) => `127.0.0.1:${api}`);
    await untilWell(addresses);
    await until("a client through haproxy", () => {
      const where = ["-h", "127.0.0.1", "-p", String(port), "-U", "postgres"];
      const words = ["psql", "-XAtc", "select pg_is_in_recovery()", ...where, "postgres"];
      return work.run(words, { user: "postgres" }).trim() === "f";
    });
    return {
      work,
      port,
      members: addresses,
      [Symbol.asyncDispose]: () => work[Symbol.asyncDispose](),
    };
  } catch (error) {
    await work[Symbol.asyncDispose]();
    throw error;
  }
}

async function untilWell(members: readonly string[]): Promise<void> {
  const expected = { timeout: 2_000, standbys: 2, synchronous: 1 };
  await until(
    "a leader and two standbys, one of them synchronous",
    async () => (await checkPatroni(members, expected)).passed,
  );
}

function startStore(
  work: Workplace,
  { store, peer }: { readonly store: number; readonly peer: number },
): void {
  work.start("etcd", [
    ETCD,
    "--name=store",
    `--data-dir=${work.folder}/etcd`,
    `--listen-client-urls=http://127.0.0.1:${store}`,
    `--advertise-client-urls=http://127.0.0.1:${store}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=store=http://127.0.0.1:${peer}`,
    "--unsafe-no-fsync",
  ]);
}

/** A member is one pod: Patroni and its PostgreSQL go together. Patroni's shortest lease is 20 s. */
function startMember(
  work: Workplace,
  { member, store }: { readonly member: Member; readonly store: number },
): void {
  const { name, api, port } = member;
  const sockets = join(work.folder, `${name}-sockets`);
  mkdirSync(sockets, { mode: 0o777 });
  work.run(["chown", "postgres:postgres", sockets]);
  const config = join(work.folder, `${name}.yml`);
  writeFileSync(
    config,
    `scope: shop
name: ${name}
restapi: {listen: "127.0.0.1:${api}", connect_address: "127.0.0.1:${api}"}
etcd3: {hosts: ["127.0.0.1:${store}"]}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    synchronous_mode: true
    postgresql:
      use_pg_rewind: true
      parameters: {fsync: "off", max_connections: 50, wal_keep_size: 64MB}
  initdb: [{auth: trust}, no-sync]
  pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
postgresql:
  listen: "127.0.0.1:${port}"
  connect_address: "127.0.0.1:${port}"
  data_dir: ${work.folder}/${name}
  bin_dir: /usr/lib/postgresql/15/bin
  pgpass: ${work.folder}/${name}.pgpass
  parameters: {unix_socket_directories: ${sockets}}
  authentication:
    superuser: {username: postgres}
    replication: {username: replicator}
    rewind: {username: postgres}
`,
  );
  startPod(work, name, { user: "postgres", argv: ["patroni", config] });
}

/** Patroni answers 200 at /primary on the leader only; sessions to one that no longer is are cut. */
function startProxy(
  work: Workplace,
  { members, port }: { readonly members: readonly Member[]; readonly port: number },
): void {
  const servers = members.map(
    (one) =>
      `  server ${one.name} 127.0.0.1:${one.port} check port ${one.api} inter 500ms fall 1 rise 1 on-marked-down shutdown-sessions`,
  );
  writeFileSync(
    join(work.folder, "haproxy.cfg"),
    `defaults
  mode tcp
  timeout connect 1s
  timeout client 1m
  timeout server 1m
  timeout check 1s
listen primary
  bind 127.0.0.1:${port}
  option httpchk GET /primary
  http-check expect status 200
${servers.join("\n")}
`,
  );
  work.start("haproxy", ["haproxy", "-db", "-f", "haproxy.cfg"]);
}

/** The check of this stack for `ha smoke`. */
export function patroniCheck(
  { members }: PatroniStack,
  expected: { readonly standbys: number; readonly synchronous?: number },
): string {
  const list = members.map((one) => `"${one}"`).join(", ");
  const { standbys, synchronous = 1 } = expected;
  return `{id: members, timeout: 10s, patroni: {members: [${list}], standbys: ${standbys}, synchronous: ${synchronous}}}`;
}

/** A write through haproxy. */
export function patroniWrite({ port }: PatroniStack): string {
  return `{id: write, timeout: 10s, postgres: {via: "127.0.0.1:${port}"}}`;
}

/** Ends the stream to the standby nobody waits for, and lets none begin: its server runs on. */
export async function cutOffStandby(stack: PatroniStack): Promise<{ readonly name: string }> {
  const psql = psqlOf(stack.work);
  const name = psql(
    stack.port,
    "select application_name from pg_stat_replication where sync_state = 'async'",
  ).trim();
  psql(stack.port, "alter role replicator nologin");
  psql(
    stack.port,
    `select pg_terminate_backend(pid) from pg_stat_replication where application_name = '${name}'`,
  );
  const left = `select count(*) from pg_stat_replication where application_name = '${name}'`;
  await until("the end of a stream", () => psql(stack.port, left).trim() === "0");
  return { name };
}

/** Lets it stream again, and waits for that. */
export async function reconnectStandby(stack: PatroniStack): Promise<void> {
  psqlOf(stack.work)(stack.port, "alter role replicator login");
  await untilWell(stack.members);
}
