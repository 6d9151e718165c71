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

export async function checkSentinel(expected: SentinelExpectation): Promise<CheckOutcome> {
  const { sentinels, master, timeout } = expected;
  const said: string[] = [];
  for (const sentinel of sentinels) {
    const { host, port } = await askOne(sentinel, { master, timeout });
    said.push(`${host}:${port}`);
    const quorum = await quorumOf(sentinel, expected);
    if (quorum !== undefined) return quorum;
  }
  const [address, other] = [...new Set(said)];
  if (address === undefined || other !== undefined) {
    return bad(
      `the sentinels disagree on the master: ${[...new Set(said)].join(", ")}`,
      "a failover may be under way; look again in a minute",
    );
  }
  return await checkMaster(address, expected);
}

/** `SENTINEL CKQUORUM`: enough sentinels to agree on a failure, and to elect who acts on it. */
async function quorumOf(
  sentinel: HostPort,
  { master, timeout }: SentinelExpectation,
): Promise<CheckOutcome | undefined> {
  await using connection = await connectRedis({ ...sentinel, password: undefined }, { timeout });
  try {
    await connection.send("SENTINEL", "CKQUORUM", master);
    return undefined;
  } catch {
    return bad(
      `the sentinel at ${sentinel.host}:${sentinel.port} does not reach a quorum for ${master}`,
      "without one no failover comes: start the sentinels that are missing",
    );
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
