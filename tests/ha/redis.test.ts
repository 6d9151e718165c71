/** Redis with three sentinels: the master is killed for real, and smoke sees what a ping does not. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { MASTER, PASSWORD, redisCheck, startRedis } from "./stack/redis.ts";
import { drillFile, runDrill, runSmokeOf } from "./stack/run-drill.ts";
import { until } from "./stack/programs.ts";
import type { RedisStack } from "./stack/redis.ts";

describe("Redis under sentinels", () => {
  let stack: RedisStack;
  beforeAll(async () => {
    stack = await startRedis();
  }, 120_000);
  afterAll(() => stack[Symbol.asyncDispose]());

  const smoke = (replicas: number) => runSmokeOf([redisCheck(stack, replicas)], stack.work.folder);

  test("smoke passes, and says what it does not check here", async () => {
    const report = await smoke(2);
    expect(report.components.map(({ id, outcome }) => [id, outcome])).toEqual([["store", "ok"]]);
    expect(report.passed).toBe(true);
    expect(report.results.filter(({ outcome }) => outcome === "skip")).toHaveLength(9);
  });

  test("smoke fails when a replica is missing", async () => {
    const report = await smoke(3);
    expect(report.passed).toBe(false);
    expect(report.components[0]?.detail).toContain("2 of 3 replicas");
  });

  test("killing the master: a replica takes over within the window, no acknowledged write is lost", async () => {
    const list = stack.sentinels.map((port) => `127.0.0.1:${port}`).join('", "');
    const { folder } = stack.work;
    const values = { sentinels: list, password: stack.passwordFile, folder };
    const report = await runDrill(drillFile("redis-master-kill.yaml", { folder, values }), folder);
    expect(report.reasons).toEqual([]);
    expect(report.verdict).toBe("passed");
    expect(report.oldPrimary).toBe(`127.0.0.1:${stack.servers[0]}`);
    expect(report.newPrimary).not.toBe(report.oldPrimary);
  }, 120_000);

  test("without a quorum smoke fails, while the master still answers PING", async () => {
    const [first, second, third = 0] = stack.sentinels;
    stack.kill(first ?? 0);
    stack.kill(second ?? 0);
    // The last sentinel needs a moment to find out that it is alone.
    const said = async (): Promise<string> => (await smoke(1)).components[0]?.detail ?? "";
    await until("the quorum is gone", async () => (await said()).includes("reach a quorum"));
    const report = await smoke(1);
    expect(report.passed).toBe(false);
    expect(report.components[0]?.detail).toBe(
      `the sentinel at 127.0.0.1:${third} does not reach a quorum for store`,
    );
    const cli = (...args: readonly string[]): string =>
      stack.work.run(["redis-cli", ...args], { env: { REDISCLI_AUTH: PASSWORD } });
    const [, port = ""] = cli(
      "-p",
      String(third),
      "sentinel",
      "get-master-addr-by-name",
      MASTER,
    ).split("\n");
    expect(cli("-p", port, "ping").trim()).toBe("PONG");
  }, 60_000);
});
