/** The incident, and what catches it: a pgpool that cannot look at its backends never fails over, and `SELECT 1` does not say so. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMPILED, run } from "../cli/program.ts";
import { askCheck, askPool } from "./stack/check.ts";
import { runDrill } from "./stack/drill.ts";
import { pgpoolDrill, startPgpool } from "./stack/pgpool.ts";
import type { PgpoolStack } from "./stack/pgpool.ts";

const WAIT = 180_000;

function naive(stack: PgpoolStack) {
  return askCheck({
    id: "answers",
    timeout: "10s",
    postgres: { via: `127.0.0.1:${stack.port}`, write: false },
  });
}

/** The drill whose author believed in `SELECT 1`: the primary is a name in the file. */
function naiveDrill(stack: PgpoolStack): string {
  const via = `127.0.0.1:${stack.port}`;
  const [primary] = stack.backends;
  return `apiVersion: railiance/drill/v1
name: postgres-naive
steadyState:
  - {id: answers, postgres: {via: "${via}", write: false}}
baseline: 2s
probe: {kind: sql, via: "${via}", interval: 200ms, timeout: 2s}
target: {resolve: fixed, name: "${primary}"}
kill: {method: process, pidFile: "${stack.work.folder}/pg-{name}/postmaster.pid"}
recovery: {window: 15s, primaryChanges: false}
`;
}

describe("pgpool with the wrong sr_check_password (the incident)", () => {
  let stack: PgpoolStack;
  beforeAll(async () => {
    stack = await startPgpool({ srCheckPassword: "wrong" });
  }, WAIT);
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
  }, WAIT);

  test("a naive SELECT 1 and even a write through the pool pass", async () => {
    expect(await naive(stack)).toMatchObject({ passed: true });
    expect(
      stack.psql(stack.port, "create table t as select 1 as one; select one from t"),
    ).toContain("1");
  });

  test("the smoke check fails, and its hint names sr_check_password", async () => {
    const outcome = await askPool(stack);
    expect(outcome.passed).toBe(false);
    expect(outcome.hint).toContain("sr_check_password");
  });

  test("the drill refuses to kill: the steady state does not hold", async () => {
    const { code, result, report, stderr } = await runDrill({
      folder: stack.work.folder,
      yaml: pgpoolDrill(stack),
      row: "pgpool, wrong password",
    });
    expect(code).toBe(12);
    expect(result).toMatchObject({
      verdict: "aborted",
      killed_at: null,
      error: { code: "NOT_STEADY" },
    });
    expect(stderr).toContain("sr_check_password");
    expect(JSON.parse(readFileSync(report ?? "", "utf8"))).toMatchObject({ verdict: "aborted" });
    // The primary still writes: nothing was killed.
    stack.psql(stack.backends[0] ?? 0, "create table still_here ()");
  });

  test(
    "with SELECT 1 as its steady state the drill kills, and service does not come back",
    async () => {
      const { code, result } = await runDrill({
        folder: stack.work.folder,
        yaml: naiveDrill(stack),
        row: "pgpool, wrong password, naive steady state",
      });
      expect(code).toBe(12);
      expect(result).toMatchObject({ verdict: "failed", unavailable_ms: null, first_ok_at: null });
      expect(String(result["reasons"])).toContain("no recovery within the window of 15 s");
    },
    WAIT,
  );

  test("ha lint finds the values files that lead there", async () => {
    const { folder } = stack.work;
    const values = join(folder, "values.yaml");
    const lint = async (text: string) => {
      writeFileSync(values, text);
      const ended = await run(
        [COMPILED, "ha", "lint", "--json", "--chart", "postgresql-ha@16.3.4", "--values", values],
        { env: { RAILIANCE_RESULT_DIR: folder } },
      );
      return { code: ended.code, about: ended.stdout.includes("srCheckPassword") };
    };
    expect(await lint("pgpool: {adminPassword: a, replicaCount: 2}\n")).toEqual({
      code: 11,
      about: true,
    });
    const { about } = await lint("pgpool: {adminPassword: a, srCheckPassword: b}\n");
    expect(about).toBe(false);
  });
});
