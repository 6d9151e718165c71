/** A PostgreSQL cluster as Patroni's own HTTP interface tells it. */
import * as v from "valibot";
import { httpRequest } from "../../sys/http.ts";

export interface PatroniMember {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** `leader`, `replica`, `sync_standby`, … */
  readonly role: string;
  /** `running`, `streaming`, `stopped`, … */
  readonly state: string;
  /** Bytes; undefined for the leader or when unknown. */
  readonly lag: number | undefined;
  /** Its own HTTP interface, without a path; undefined when it names none. */
  readonly api: string | undefined;
}

/** One receiver of the leader's log, as PostgreSQL's `pg_stat_replication` has it. */
export interface WalSender {
  /** `application_name`: of a Patroni standby its member's name. */
  readonly name: string;
  /** `streaming`, `catchup`, `startup`, `backup`. */
  readonly state: string;
  /** `async`, `potential`, `sync`, `quorum`. */
  readonly synchronous: string;
}

const schema = v.object({
  members: v.array(
    v.object({
      name: v.string(),
      role: v.string(),
      state: v.string(),
      host: v.optional(v.string(), ""),
      port: v.optional(v.number(), 5432),
      lag: v.optional(v.union([v.number(), v.string()])),
      api_url: v.optional(v.string()),
    }),
  ),
});

/** Asks the members in turn; the first that answers counts. Throws what the last one threw. */
export async function patroniMembers(
  addresses: readonly string[],
  options: { readonly timeout: number },
): Promise<readonly PatroniMember[]> {
  let failure: unknown = new Error("no member is named");
  for (const address of addresses) {
    try {
      const answer = await httpRequest(`http://${address}/cluster`, options);
      const parsed = v.parse(schema, JSON.parse(answer.body));
      return parsed.members.map(({ lag, api_url: api, ...member }) => ({
        ...member,
        lag: typeof lag === "number" ? lag : undefined,
        api: api !== undefined && URL.canParse(api) ? new URL(api).origin : undefined,
      }));
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

const status = v.object({
  replication: v.optional(
    v.array(v.object({ application_name: v.string(), state: v.string(), sync_state: v.string() })),
    [],
  ),
});

/**
 * Who receives the log of the leader, asked of itself: `GET /primary` is 200 on the
 * one that holds the lock, with `replication` in its answer where anybody receives.
 * It is asked at the address it gives, then at those named. Undefined: nobody says that it leads.
 */
export async function walSenders(
  leader: PatroniMember,
  options: { readonly addresses: readonly string[]; readonly timeout: number },
): Promise<readonly WalSender[] | undefined> {
  const own = leader.api === undefined ? [] : [leader.api];
  const origins = new Set([...own, ...options.addresses.map((address) => `http://${address}`)]);
  for (const origin of origins) {
    try {
      const answer = await httpRequest(`${origin}/primary`, options);
      if (answer.status !== 200) continue;
      return v.parse(status, JSON.parse(answer.body)).replication.map((one) => ({
        name: one.application_name,
        state: one.state,
        synchronous: one.sync_state,
      }));
    } catch {
      // Not reached from here, or not Patroni: another may be.
    }
  }
  return undefined;
}

export function leaderOf(members: readonly PatroniMember[]): PatroniMember | undefined {
  const leaders = members.filter(({ role }) => role === "leader" || role === "master");
  return leaders.length === 1 ? leaders[0] : undefined;
}
