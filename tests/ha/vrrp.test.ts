/** A floating address by keepalived: the machine that holds it loses power, and the other one takes it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import * as v from "valibot";
import { drillFile } from "./stack/run-drill.ts";
import { startVrrp } from "./stack/vrrp.ts";
import type { VrrpStack } from "./stack/vrrp.ts";

const Report = v.object({
  verdict: v.string(),
  reasons: v.array(v.string()),
  oldPrimary: v.string(),
  newPrimary: v.string(),
  unavailable: v.number(),
});

describe("keepalived", () => {
  let stack: VrrpStack;
  beforeAll(async () => {
    stack = await startVrrp();
  }, 120_000);
  afterAll(() => stack[Symbol.asyncDispose]());

  test("the floating address moves within the window", () => {
    const { folder } = stack.work;
    const file = drillFile("vrrp-machine-kill.yaml", { folder, values: { folder } });
    const program = join(import.meta.dirname, "stack/drill-here.ts");
    const env = { HA_ROWS: process.env["HA_ROWS"] ?? "" };
    const text = stack.atClient([process.execPath, program, file, folder], { env });
    const report = v.parse(Report, JSON.parse(text));
    expect(report.reasons).toEqual([]);
    expect(report).toMatchObject({ verdict: "passed", oldPrimary: "edge-1", newPrimary: "edge-2" });
    // VRRP's own time-out is three advertisements and a bit: less would be no failover.
    expect(report.unavailable).toBeGreaterThan(2_000);
  }, 120_000);
});
