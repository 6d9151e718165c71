/** The master that Redis's sentinels agree on. */
import { connectRedis } from "../../sys/redis.ts";

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Asks the sentinels in turn; the first that answers counts, as for a client. Throws what the last one threw. */
export async function masterAddress(
  sentinels: readonly Address[],
  options: {
    readonly master: string;
    readonly timeout: number;
    readonly password?: string | undefined;
  },
): Promise<Address> {
  let failure: unknown = new Error("no sentinel is named");
  for (const sentinel of sentinels) {
    try {
      return await askOne(sentinel, options);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** What one sentinel says. Throws when it does not know the master. */
export async function askOne(
  sentinel: Address,
  options: {
    readonly master: string;
    readonly timeout: number;
    readonly password?: string | undefined;
  },
): Promise<Address> {
  await using connection = await connectRedis(
    { ...sentinel, password: options.password },
    { timeout: options.timeout },
  );
  const answer = await connection.send("SENTINEL", "get-master-addr-by-name", options.master);
  const [host, port] = Array.isArray(answer) ? answer.map(String) : [];
  if (host === undefined || port === undefined) {
    throw new Error(`the sentinel knows no master ${options.master}`);
  }
  return { host, port: Number(port) };
}
