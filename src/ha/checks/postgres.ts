/** PostgreSQL behind its poolers: an answer is not health, so the topology is asserted and a row is written and read back. */
import { connectPostgres } from "../../sys/postgres.ts";
import { count } from "../../words.ts";
import { poolNodes } from "../resolve/pgpool.ts";
import { bad, good } from "./outcome.ts";
import type { PostgresAddress } from "../../sys/postgres.ts";
import type { PoolNode } from "../resolve/pgpool.ts";
import type { CheckOutcome } from "./outcome.ts";

interface Limits {
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** A temporary table: a write that needs a primary, and leaves nothing. */
export async function writeAndReadBack(
  address: PostgresAddress,
  limits: Limits,
): Promise<CheckOutcome> {
  await using connection = await connectPostgres(address, limits);
  const value = String(Math.floor(Math.random() * 1e9));
  await connection.query(
    "create table if not exists railiance_smoke (id int primary key, value text)",
  );
  await connection.query(
    `insert into railiance_smoke values (1, '${value}') on conflict (id) do update set value = excluded.value`,
  );
  // In the transaction of a write: a balancing pooler sends plain reads to a standby, which may lag.
  const rows = await connection.query(
    "update railiance_smoke set value = value where id = 1 returning value",
  );
  return rows[0]?.["value"] === value
    ? good("a row was written and read back")
    : bad(
        "a row was written and came back different",
        "look at replication and at what the pooler does with writes",
      );
}

/** `SELECT 1` and, unless told otherwise, a write. */
export async function checkPostgres(
  address: PostgresAddress,
  options: Limits & { readonly write: boolean },
): Promise<CheckOutcome> {
  if (options.write) return await writeAndReadBack(address, options);
  await using connection = await connectPostgres(address, options);
  const rows = await connection.query("select 1 as one");
  return String(rows[0]?.["one"]) === "1"
    ? good("answers a query")
    : bad("does not answer SELECT 1");
}

export interface PoolExpectation {
  readonly nodes: number;
  readonly primaries: number;
  readonly maxDelay: number | undefined;
  readonly write: boolean;
}

const SR_CHECK =
  "pgpool cannot look at its backends itself: is sr_check_user there, with the password pgpool has (sr_check_password)? A failover would never come";

/** What is wrong with a pool's own view; undefined when nothing is. */
export function problemOfPool(
  nodes: readonly PoolNode[],
  expected: PoolExpectation,
): CheckOutcome | undefined {
  if (nodes.length !== expected.nodes) {
    return bad(`pgpool has ${count(nodes.length, "backend")}, ${expected.nodes} are expected`);
  }
  const down = nodes.filter(({ status }) => !["up", "waiting"].includes(status));
  if (down.length > 0) {
    return bad(
      `pgpool has detached ${down.map(nameOf).join(", ")} (${down[0]?.status})`,
      "bring the server back and attach it: pcp_attach_node",
    );
  }
  const unknown = nodes.filter(({ pgRole }) => pgRole === "unknown");
  if (unknown.length > 0)
    return bad(`pgpool does not know the role of ${unknown.map(nameOf).join(", ")}`, SR_CHECK);
  const disagree = nodes.filter(({ pgStatus }) => pgStatus !== undefined && pgStatus !== "up");
  if (disagree.length > 0) {
    return bad(
      `pgpool calls ${disagree.map(nameOf).join(", ")} up, and cannot reach it`,
      "look at pgpool's log",
    );
  }
  const primaries = nodes.filter(
    ({ role, pgRole }) => role === "primary" && (pgRole === undefined || pgRole === "primary"),
  );
  if (primaries.length !== expected.primaries) {
    return bad(
      `pgpool sees ${count(primaries.length, "primary").replace("primarys", "primaries")}, ${expected.primaries} expected`,
      primaries.length === 0
        ? SR_CHECK
        : "two primaries are a split brain: stop one before anybody writes",
    );
  }
  return problemOfStandbys(nodes, expected);
}

function problemOfStandbys(
  nodes: readonly PoolNode[],
  { maxDelay }: PoolExpectation,
): CheckOutcome | undefined {
  const standbys = nodes.filter(({ role }) => role === "standby");
  const still = standbys.find(
    ({ replicationState }) => replicationState !== "" && replicationState !== "streaming",
  );
  if (still !== undefined)
    return bad(`${nameOf(still)} does not stream (${still.replicationState})`);
  const late = standbys.find(({ delay }) => maxDelay !== undefined && delay > maxDelay);
  if (late !== undefined)
    return bad(
      `${nameOf(late)} is ${late.delay} bytes behind`,
      "wait, or look at the network between them",
    );
  return undefined;
}

function nameOf({ host, port }: PoolNode): string {
  return `${host}:${port}`;
}

export async function checkPgpool(
  address: PostgresAddress,
  options: Limits & PoolExpectation,
): Promise<CheckOutcome> {
  const nodes = await poolNodes(address, options);
  const problem = problemOfPool(nodes, options);
  if (problem !== undefined) return problem;
  if (options.write) {
    const written = await writeAndReadBack(address, options);
    if (!written.passed) return written;
  }
  const primary = nodes.find(({ role }) => role === "primary");
  return good(
    `${nodes.length} backends, primary ${primary === undefined ? "none" : nameOf(primary)}${options.write ? ", written and read back" : ""}`,
  );
}

/** PgBouncer's console answers while every server behind it is gone, so a real query goes through it too. */
export async function checkPgbouncer(
  address: PostgresAddress,
  options: Limits & { readonly maxWaiting: number },
): Promise<CheckOutcome> {
  const query = await checkPostgres(address, { ...options, write: false });
  if (!query.passed) return query;
  await using console = await connectPostgres({ ...address, database: "pgbouncer" }, options);
  const pools = await console.query("show pools");
  const waiting = pools.reduce((sum, pool) => sum + Number(pool["cl_waiting"] ?? 0), 0);
  return waiting <= options.maxWaiting
    ? good(`a query goes through, ${count(pools.length, "pool")}, ${waiting} waiting`)
    : bad(
        `${count(waiting, "client")} wait for a server connection`,
        "raise default_pool_size, or find what holds connections",
      );
}
