/** PostgreSQL behind pgpool: the primary is killed for real, and what was acknowledged is counted. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ROUNDS, runDrill } from "./stack/drill.ts";
import { pgpoolDrill, startPgpool } from "./stack/pgpool.ts";
import { until } from "./stack/programs.ts";

const WAIT = 180_000;

describe("pgpool with the right password", () => {
  for (let round = 1; round <= ROUNDS; round += 1) {
    test(
      `survives kill -9 of the primary, and no acknowledged write is lost (round ${round} of ${ROUNDS})`,
      async () => {
        await using stack = await startPgpool({ srCheckPassword: "right" });
        const { code, result, report, stderr } = await runDrill({
          folder: stack.work.folder,
          yaml: pgpoolDrill(stack),
          row: "pgpool, right password",
        });
        expect({ code, reasons: result["reasons"], stderr }).toMatchObject({
          code: 0,
          reasons: [],
        });
        const [first, second] = stack.backends;
        expect(result).toMatchObject({
          verdict: "passed",
          lost_acked: 0,
          old_primary: `127.0.0.1:${first}`,
          new_primary: `127.0.0.1:${second}`,
        });
        expect(Number(result["unavailable_ms"])).toBeGreaterThan(0);
        expect(Number(result["unavailable_ms"])).toBeLessThan(30_000);
        expect(Number(result["acked"])).toBeGreaterThan(10);
        expect(result["detected_at"]).toBeNumber();
        expect(JSON.parse(readFileSync(report ?? "", "utf8"))).toMatchObject({
          verdict: "passed",
          restsOn: "processes on this host, no cluster",
        });
        expect(result["rests_on"]).toBe("processes on this host, no cluster");
      },
      WAIT,
    );
  }
});

test(
  "a standby that fell behind takes over, and the drill counts the acknowledged writes that are lost",
  async () => {
    await using stack = await startPgpool({
      srCheckPassword: "right",
      replication: "asynchronous",
    });
    const [primary = 0, standby = 0] = stack.backends;
    // The drill's own table, as the probe makes it: without it the new primary could not serve the client at all.
    stack.psql(
      primary,
      "create table railiance_drill (run text not null, seq bigint not null, primary key (run, seq))",
    );
    await until("the table on the standby", () =>
      stack.psql(standby, "select count(*) from railiance_drill").startsWith("0"),
    );
    stack.psql(primary, "alter role replicator nologin");
    stack.psql(primary, "select pg_terminate_backend(pid) from pg_stat_replication");
    const { code, result } = await runDrill({
      folder: stack.work.folder,
      yaml: pgpoolDrill(stack),
      row: "pgpool, a standby that fell behind",
    });
    expect(code).toBe(12);
    expect(result).toMatchObject({ verdict: "failed", new_primary: `127.0.0.1:${standby}` });
    expect(Number(result["lost_acked"])).toBeGreaterThan(10);
    expect(String(result["reasons"])).toContain("acknowledged writes are lost");
  },
  WAIT,
);
