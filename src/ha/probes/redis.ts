/** Adds numbers to a set of its own, at a fixed address or at the master that the sentinels name. */
import { OperatorError } from "../../errors.ts";
import { connectRedis } from "../../sys/redis.ts";
import { masterAddress } from "../resolve/sentinel.ts";
import { kindOfError } from "./probe.ts";
import type { RedisConnection } from "../../sys/redis.ts";
import type { Probe } from "./probe.ts";

export interface RedisProbeOptions {
  /** Undefined: ask the sentinels at each new connection. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  readonly sentinels: readonly { readonly host: string; readonly port: number }[];
  readonly master: string | undefined;
  readonly password: string | undefined;
  readonly interval: number;
  readonly timeout: number;
  readonly run: string;
}

export function redisProbe(options: RedisProbeOptions): Probe {
  const { timeout, password } = options;
  const key = `railiance:drill:${options.run}`;
  const connect = async (): Promise<RedisConnection> => {
    const address =
      options.address ??
      (await masterAddress(options.sentinels, { master: options.master ?? "", timeout }));
    return await connectRedis({ ...address, password }, { timeout });
  };
  const once = async (...command: readonly [string, ...string[]]): Promise<unknown> => {
    await using connection = await connect();
    return await connection.send(...command);
  };
  return {
    writes: true,
    holds: true,
    interval: options.interval,
    timeout,
    async prepare() {
      try {
        await once("SADD", key, "0");
      } catch (error) {
        throw new OperatorError(
          "precondition",
          "PROBE_CANNOT_WRITE",
          `the drill's key cannot be written (${kindOfError(error)})`,
          {
            hint: "nothing was killed; check the address and the password, and that a master is there",
          },
        );
      }
    },
    async open() {
      const connection = await connect();
      return {
        async attempt(sequence) {
          await connection.send("SADD", key, String(sequence));
        },
        [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
      };
    },
    async present() {
      const members = await once("SMEMBERS", key);
      // A list, or a set where the client speaks RESP3.
      const list = Array.isArray(members) || members instanceof Set ? [...members] : [];
      return new Set(list.map(Number));
    },
    async clear() {
      await once("DEL", key);
    },
  };
}
