/** PostgreSQL under Patroni: the leader is killed for real. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { patroniCheck, patroniWrite, startPatroni } from "./stack/patroni.ts";
import { drillFile, runDrill, runSmokeOf } from "./stack/run-drill.ts";
import type { PatroniStack } from "./stack/patroni.ts";

describe("PostgreSQL under Patroni", () => {
  let stack: PatroniStack;
  beforeAll(async () => {
    stack = await startPatroni();
  }, 180_000);
  afterAll(() => stack[Symbol.asyncDispose]());

  const smoke = (standbys: number) =>
    runSmokeOf([patroniCheck(stack, standbys), patroniWrite(stack)], stack.work.folder);

  test("smoke passes with a leader and two standbys", async () => {
    const report = await smoke(2);
    expect(report.components.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
      "members ok",
      "write ok",
    ]);
    expect(report.passed).toBe(true);
  });

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
    const report = await smoke(2);
    expect(report.passed).toBe(false);
    expect(report.components.map(({ id, outcome }) => `${id} ${outcome}`)).toEqual([
      "members fail",
      "write ok",
    ]);
    expect(report.components[0]?.detail).toContain("only 1 of 2 standbys stream");
  });
});
