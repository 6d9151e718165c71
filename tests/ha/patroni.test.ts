/** PostgreSQL under Patroni: the leader is killed for real. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { patroniMembers } from "../../src/ha/resolve/patroni.ts";
import {
  cutOffStandby,
  patroniCheck,
  patroniWrite,
  reconnectStandby,
  startPatroni,
} from "./stack/patroni.ts";
import { drillFile, runDrill, runSmokeOf } from "./stack/run-drill.ts";
import type { PatroniStack } from "./stack/patroni.ts";

describe("PostgreSQL under Patroni", () => {
  let stack: PatroniStack;
  beforeAll(async () => {
    stack = await startPatroni();
  }, 180_000);
  afterAll(() => stack[Symbol.asyncDispose]());

  const smoke = (expected: Parameters<typeof patroniCheck>[1]) =>
    runSmokeOf([patroniCheck(stack, expected), patroniWrite(stack)], stack.work.folder);

  test("smoke passes with a leader and two standbys", async () => {
    const report = await smoke({ standbys: 2 });
    expect(report.components.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
      "members ok",
      "write ok",
    ]);
    expect(report.passed).toBe(true);
  });

  test("a standby that runs and does not stream is none, though Patroni calls it running with lag 0", async () => {
    const { name } = await cutOffStandby(stack);
    const { components } = await smoke({ standbys: 2 });
    const told = (await patroniMembers(stack.members, { timeout: 2_000 })).find(
      (one) => one.name === name,
    );
    await reconnectStandby(stack);
    expect(told).toMatchObject({ state: "running", lag: 0 });
    expect(components.map(({ outcome }) => outcome)).toEqual(["fail", "ok"]);
    expect(components[0]?.detail).toContain("only 1 of 2 standbys stream");
  }, 90_000);

  test("killing the leader: a standby takes over within the window, no acknowledged write is lost", async () => {
    const { folder } = stack.work;
    const members = stack.members.join('", "');
    const values = { members, port: stack.port, folder };
    const report = await runDrill(
      drillFile("patroni-leader-kill.yaml", { folder, values }),
      folder,
    );
    expect(report.reasons).toEqual([]);
    expect(report.verdict).toBe("passed");
    expect(report.newPrimary).toMatch(/^pg[123]$/);
    expect(report.newPrimary).not.toBe(report.oldPrimary);
    expect(report.lostAcknowledged).toBe(0);
  }, 240_000);

  test("smoke fails afterwards, since a standby is missing, although writes go through", async () => {
    const report = await smoke({ standbys: 2 });
    expect(report.passed).toBe(false);
    expect(report.components.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
      "members fail",
      "write ok",
    ]);
    expect(report.components[0]?.detail).toContain("only 1 of 2 standbys stream");
  });

  test("smoke fails where more standbys should be synchronous than are", async () => {
    const { components } = await smoke({ standbys: 1, synchronous: 2 });
    expect(components[0]?.detail).toContain(
      "only 1 of 2 standbys are synchronous, so a failover may lose acknowledged writes",
    );
  });
});
