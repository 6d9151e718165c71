/** PgBouncer's console answers while every server behind it is gone; only a query through it tells. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { runDrill } from "./stack/drill.ts";
import { askCheck } from "./stack/check.ts";
import { startPgbouncer } from "./stack/pgbouncer.ts";
import { processesOf } from "./stack/programs.ts";
import type { PgbouncerStack } from "./stack/pgbouncer.ts";

const WAIT = 180_000;

function check(stack: PgbouncerStack) {
  const pgbouncer = { via: `127.0.0.1:${stack.port}` };
  return askCheck({ id: "bouncer", timeout: "5s", pgbouncer });
}

function drillOf({ port, work, server }: PgbouncerStack): string {
  const via = `127.0.0.1:${port}`;
  return `apiVersion: railiance/drill/v1
name: pgbouncer-server-kill
about: PgBouncer in front of a single server is no high availability
steadyState:
  - {id: bouncer, pgbouncer: {via: "${via}"}}
baseline: 2s
probe: {kind: sql, via: "${via}", interval: 100ms, timeout: 2s}
target: {resolve: fixed, name: "${server}"}
kill: {method: process, pidFile: "${work.folder}/pg-{name}/postmaster.pid"}
recovery: {window: 6s, primaryChanges: false}
`;
}

describe("PgBouncer", () => {
  let stack: PgbouncerStack;
  beforeAll(async () => {
    stack = await startPgbouncer();
  }, WAIT);
  afterAll(async () => {
    const { folder } = stack.work;
    await stack[Symbol.asyncDispose]();
    expect(processesOf(folder)).toEqual([]);
  }, WAIT);

  test("passes our check while its server answers", async () => {
    expect(await check(stack)).toMatchObject({ passed: true });
  });

  test(
    "in front of a single server fails the drill: nobody takes over",
    async () => {
      const { code, result, report } = await runDrill({
        folder: stack.work.folder,
        yaml: drillOf(stack),
        row: "PgBouncer, its only server killed",
      });
      expect(code).toBe(12);
      expect(result).toMatchObject({ verdict: "failed", unavailable_ms: null, lost_acked: null });
      expect(JSON.parse(readFileSync(report ?? "", "utf8"))).toMatchObject({ verdict: "failed" });
    },
    WAIT,
  );

  test(
    "with its server gone: the console answers, and our check fails",
    async () => {
      expect(stack.psql(stack.port, "show pools", "pgbouncer")).toContain("postgres");
      expect(await check(stack)).toMatchObject({ passed: false });
    },
    WAIT,
  );
});
