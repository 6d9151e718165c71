/** What pgpool thinks of its backends, and what it sees when it asks them itself. */
import { connectPostgres } from "../../sys/postgres.ts";
import type { PostgresAddress } from "../../sys/postgres.ts";

/** A row of SHOW POOL_NODES; `pgStatus` and `pgRole` are what pgpool saw itself (4.3 and later). */
export interface PoolNode {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** `up`, `waiting`, `down`, `quarantine`, `unused`. */
  readonly status: string;
  /** `up`, `down`; undefined before pgpool 4.3. */
  readonly pgStatus: string | undefined;
  /** What pgpool acts on: `primary`, `standby`. */
  readonly role: string;
  /** `primary`, `standby`, `unknown`; undefined before pgpool 4.3. */
  readonly pgRole: string | undefined;
  /** Bytes. */
  readonly delay: number;
  readonly replicationState: string;
}

/** Throws the client's error. */
export async function poolNodes(
  address: PostgresAddress,
  options: { readonly timeout: number; readonly signal: AbortSignal },
): Promise<readonly PoolNode[]> {
  await using connection = await connectPostgres(address, options);
  const rows = await connection.query("show pool_nodes");
  return rows.map((row) => {
    const text = (name: string): string | undefined => {
      const value = row[name];
      return typeof value === "string" || typeof value === "number" ? String(value) : undefined;
    };
    return {
      id: text("node_id") ?? "",
      host: text("hostname") ?? "",
      port: Number(text("port") ?? "0"),
      status: text("status") ?? "",
      pgStatus: text("pg_status"),
      role: text("role") ?? "",
      pgRole: text("pg_role"),
      delay: Number(text("replication_delay") ?? "0"),
      replicationState: text("replication_state") ?? "",
    };
  });
}

/** The node that both pgpool's role and its own look say is the primary; undefined when there is none, or more than one. */
export function primaryOf(nodes: readonly PoolNode[]): PoolNode | undefined {
  const primaries = nodes.filter(
    ({ role, pgRole }) => role === "primary" && (pgRole === undefined || pgRole === "primary"),
  );
  return primaries.length === 1 ? primaries[0] : undefined;
}
