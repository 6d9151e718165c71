/** Writes rows through a pooler or straight to a server, and reads afterwards which of them are there. */
import { OperatorError } from "../../errors.ts";
import { connectPostgres } from "../../sys/postgres.ts";
import { kindOfError } from "./probe.ts";
import type { PostgresAddress, PostgresConnection } from "../../sys/postgres.ts";
import type { Probe } from "./probe.ts";

export interface SqlProbeOptions {
  readonly address: PostgresAddress;
  readonly interval: number;
  readonly timeout: number;
  /** Tells the rows of this run from those of others: lower case letters and digits. */
  readonly run: string;
  readonly signal: AbortSignal;
}

const TABLE = "railiance_drill";

/** The table was acknowledged too: a primary that does not know it has lost that and all that was in it. */
const UNDEFINED_TABLE = "SQLSTATE 42P01";

export function sqlProbe(options: SqlProbeOptions): Probe {
  const { address, run, timeout, signal } = options;
  if (!/^[0-9a-z]+$/.test(run)) throw new TypeError("the run's name goes into SQL text");
  const connect = (): Promise<PostgresConnection> => connectPostgres(address, { timeout, signal });
  const once = async (text: string) => {
    await using connection = await connect();
    return await connection.query(text);
  };
  return {
    writes: true,
    holds: true,
    interval: options.interval,
    timeout,
    async prepare() {
      try {
        await once(
          `create table if not exists ${TABLE} (run text not null, seq bigint not null, primary key (run, seq))`,
        );
      } catch (error) {
        throw new OperatorError(
          "precondition",
          "PROBE_CANNOT_WRITE",
          `the drill's table cannot be made through ${address.host}:${address.port} (${kindOfError(error)})`,
          {
            hint: "nothing was killed; check the address, the user and its password, and that a primary is there",
          },
        );
      }
    },
    async open() {
      const connection = await connect();
      return {
        async attempt(sequence) {
          await connection.query(`insert into ${TABLE} (run, seq) values ('${run}', ${sequence})`);
        },
        [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
      };
    },
    async present() {
      // A write, for a balancing pooler sends plain reads to standbys, and one that lags would look like a loss.
      try {
        const rows = await once(`update ${TABLE} set seq = seq where run = '${run}' returning seq`);
        return new Set(rows.map((row) => Number(row["seq"])));
      } catch (error) {
        if (kindOfError(error) === UNDEFINED_TABLE) return new Set();
        throw error;
      }
    },
    async clear() {
      await once(`delete from ${TABLE} where run = '${run}'`);
    },
  };
}
