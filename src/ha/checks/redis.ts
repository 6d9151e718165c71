/** Redis under its sentinels: quorum, one master that all agree on, replicas, and a value written and read through it. */
import { connectRedis } from "../../sys/redis.ts";
import { askOne } from "../resolve/sentinel.ts";
import { bad, good } from "./outcome.ts";
import type { HostPort } from "../addresses.ts";
import type { CheckOutcome } from "./outcome.ts";

export interface SentinelExpectation {
  readonly sentinels: readonly HostPort[];
  readonly master: string;
  readonly replicas: number;
  readonly password: string | undefined;
  readonly timeout: number;
}

/** Every sentinel named has to answer: one that is gone is a failover that may not come. */
export async function checkSentinel(expected: SentinelExpectation): Promise<CheckOutcome> {
  const views = await Promise.all(expected.sentinels.map((one) => viewOf(one, expected)));
  const problem = problemOfViews(views, expected.master);
  if (problem !== undefined) return problem;
  return await checkMaster(views[0]?.master ?? "", expected);
}

/** What one sentinel says. */
export interface SentinelView {
  /** `host:port` of the sentinel. */
  readonly sentinel: string;
  /** `host:port` of the master; undefined when it does not answer or knows none. */
  readonly master: string | undefined;
  readonly quorum: boolean;
}

async function viewOf(
  sentinel: HostPort,
  { master, timeout }: SentinelExpectation,
): Promise<SentinelView> {
  const name = `${sentinel.host}:${sentinel.port}`;
  try {
    const { host, port } = await askOne(sentinel, { master, timeout });
    const quorum = await hasQuorum(sentinel, { master, timeout });
    return { sentinel: name, master: `${host}:${port}`, quorum };
  } catch {
    return { sentinel: name, master: undefined, quorum: false };
  }
}

/** The gravest thing the sentinels say; undefined when they agree, with a quorum. */
export function problemOfViews(
  views: readonly SentinelView[],
  master: string,
): CheckOutcome | undefined {
  const answering = views.filter((view) => view.master !== undefined);
  const silent = views.filter((view) => view.master === undefined).map(({ sentinel }) => sentinel);
  if (answering.length === 0) return bad(`no sentinel knows ${master}`, "start the sentinels");
  const without = answering.find(({ quorum }) => !quorum);
  if (without !== undefined) {
    return bad(
      `the sentinel at ${without.sentinel} does not reach a quorum for ${master}`,
      "without one no failover comes: start the sentinels that are missing",
    );
  }
  const said = [...new Set(answering.map((view) => view.master))];
  if (said.length > 1) {
    return bad(
      `the sentinels disagree on the master: ${said.join(", ")}`,
      "a failover may be under way; look again in a minute",
    );
  }
  if (silent.length === 0) return undefined;
  return bad(
    `no answer about ${master} from the sentinel at ${silent.join(", ")}`,
    "start it: the quorum still holds, but may not survive the next loss",
  );
}

/** `SENTINEL CKQUORUM`: enough sentinels to agree on a failure, and to elect who acts on it. */
async function hasQuorum(
  sentinel: HostPort,
  { master, timeout }: Pick<SentinelExpectation, "master" | "timeout">,
): Promise<boolean> {
  await using connection = await connectRedis({ ...sentinel, password: undefined }, { timeout });
  try {
    await connection.send("SENTINEL", "CKQUORUM", master);
    return true;
  } catch (error) {
    // NOQUORUM is an answer; a broken connection is none.
    if (error instanceof Error && error.message.includes("NOQUORUM")) return false;
    throw error;
  }
}

async function checkMaster(address: string, expected: SentinelExpectation): Promise<CheckOutcome> {
  const { timeout, password } = expected;
  const at = address.lastIndexOf(":");
  const where = { host: address.slice(0, at), port: Number(address.slice(at + 1)) };
  await using connection = await connectRedis({ ...where, password }, { timeout });
  const info = String(await connection.send("INFO", "replication"));
  if (!/^role:master/m.test(info)) return bad(`${address} is announced as master, and is none`);
  const replicas = [...info.matchAll(/^slave\d+:.*state=online/gm)].length;
  if (replicas < expected.replicas) {
    return bad(
      `the master ${address} has ${replicas} of ${expected.replicas} replicas`,
      "start the replicas that are missing",
    );
  }
  const value = String(Math.floor(Math.random() * 1e9));
  await connection.send("SET", "railiance:smoke", value, "EX", "60");
  return String(await connection.send("GET", "railiance:smoke")) === value
    ? good(`master ${address}, ${replicas} replicas, quorum, a value written and read back`)
    : bad(`a value written to ${address} came back different`);
}
