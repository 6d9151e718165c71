/** PostgreSQL under Patroni: who really streams, as the leader's own server sees it. */
import { count } from "../../words.ts";
import { leaderOf, patroniMembers, walSenders } from "../resolve/patroni.ts";
import { bad, good } from "./outcome.ts";
import type { PatroniMember, WalSender } from "../resolve/patroni.ts";
import type { CheckOutcome } from "./outcome.ts";

const LOOK = "look at: patronictl list, and at pg_stat_replication on the leader";

/**
 * A leader, `standbys` members that stream from it, and `synchronous` of them
 * synchronous. Patroni's list alone does not do: before 3.1 it calls a standby
 * "running" whether it streams or not, and its lag is 0 until the leader's next
 * turn (seen with 3.0.2: a leader killed then took acknowledged writes with it).
 */
export async function checkPatroni(
  addresses: readonly string[],
  options: { readonly timeout: number; readonly standbys: number; readonly synchronous: number },
): Promise<CheckOutcome> {
  const members = await patroniMembers(addresses, options);
  const leader = leaderOf(members);
  if (leader === undefined)
    return bad("Patroni has no leader", "look at: patronictl list, and at its store");
  const senders = await walSenders(leader, { addresses, timeout: options.timeout });
  if (senders === undefined)
    return bad(
      `Patroni names ${leader.name} as leader, and no member says that it is`,
      "look at: patronictl list; does `members` name all of them?",
    );
  const streaming = members.filter((one) => one !== leader && streams(one, senders));
  if (streaming.length < options.standbys)
    return bad(
      `leader ${leader.name}, and only ${streaming.length} of ${options.standbys} standbys stream`,
      LOOK,
    );
  const synchronous = streaming.filter((one) => isSynchronous(one, senders));
  if (synchronous.length < options.synchronous)
    return bad(
      `leader ${leader.name}, and only ${synchronous.length} of ${options.synchronous} standbys are synchronous, so a failover may lose acknowledged writes`,
      "look at: synchronous_mode in patronictl show-config",
    );
  const also = synchronous.length === 0 ? "" : `, synchronous: ${nameAll(synchronous)}`;
  return good(`leader ${leader.name}, ${count(streaming.length, "standby")} streaming${also}`);
}

function streams({ name }: PatroniMember, senders: readonly WalSender[]): boolean {
  return senders.some((one) => one.name === name && one.state === "streaming");
}

/** For the server and for Patroni: only one that stands in Patroni's own list may take over. */
function isSynchronous({ name, role }: PatroniMember, senders: readonly WalSender[]): boolean {
  const waitedFor = senders.some(
    (one) => one.name === name && ["sync", "quorum"].includes(one.synchronous),
  );
  return waitedFor && ["sync_standby", "quorum_standby"].includes(role);
}

function nameAll(members: readonly PatroniMember[]): string {
  return members.map(({ name }) => name).join(", ");
}
