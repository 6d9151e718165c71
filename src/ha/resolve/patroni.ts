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
      return parsed.members.map(({ lag, ...member }) => ({
        ...member,
        lag: typeof lag === "number" ? lag : undefined,
      }));
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

export function leaderOf(members: readonly PatroniMember[]): PatroniMember | undefined {
  const leaders = members.filter(({ role }) => role === "leader" || role === "master");
  return leaders.length === 1 ? leaders[0] : undefined;
}
