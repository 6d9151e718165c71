/** What keeps a drill from killing anything. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { OperatorError } from "../../../src/errors.ts";
import { checkGuards, insideWindow, requireLabel } from "../../../src/ha/drill/guards.ts";
import { drillWith } from "./support.ts";

const NOON = new Date(2026, 10, 23, 12, 0);

function at(hours: number, minutes: number): Date {
  return new Date(2026, 10, 23, hours, minutes, 30);
}

async function refusal(work: () => Promise<void> | void): Promise<OperatorError | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
}

function guard(guards: Readonly<Record<string, unknown>>, newestBackup?: Date) {
  const drill = drillWith({ guards });
  return refusal(() => checkGuards({ drill, cluster: undefined, now: NOON, newestBackup }));
}

describe("the window", () => {
  test("holds its first minute, and not its last", () => {
    expect(insideWindow("02:00-05:00", at(2, 0))).toBe(true);
    expect(insideWindow("02:00-05:00", at(4, 59))).toBe(true);
    expect(insideWindow("02:00-05:00", at(5, 0))).toBe(false);
    expect(insideWindow("02:00-05:00", at(1, 59))).toBe(false);
    expect(insideWindow("20:00-24:00", at(23, 59))).toBe(true);
  });

  test("may go over midnight", () => {
    expect(insideWindow("22:00-05:00", at(23, 30))).toBe(true);
    expect(insideWindow("22:00-05:00", at(0, 0))).toBe(true);
    expect(insideWindow("22:00-05:00", at(4, 59))).toBe(true);
    expect(insideWindow("22:00-05:00", at(5, 0))).toBe(false);
    expect(insideWindow("22:00-05:00", at(21, 59))).toBe(false);
  });

  test("and the one turned around share the day between them, minute for minute", () => {
    const minute = fc.integer({ min: 0, max: 24 * 60 - 1 });
    const text = (value: number): string =>
      `${String(Math.floor(value / 60)).padStart(2, "0")}:${String(value % 60).padStart(2, "0")}`;
    fc.assert(
      fc.property(minute, minute, minute, (from, until, now) => {
        fc.pre(from !== until);
        const time = at(Math.floor(now / 60), now % 60);
        const one = insideWindow(`${text(from)}-${text(until)}`, time);
        const other = insideWindow(`${text(until)}-${text(from)}`, time);
        expect(one).toBe(!other);
      }),
    );
  });

  test("refuses outside of it, and says the time", async () => {
    expect(await guard({ window: "02:00-05:00" })).toMatchObject({
      exit: "refused",
      code: "OUTSIDE_WINDOW",
      message: "it is 12:00, and this drill may run 02:00-05:00",
    });
    expect(await guard({ window: "11:00-13:00" })).toBeUndefined();
  });
});

describe("the age of the newest backup", () => {
  const hoursAgo = (hours: number): Date => new Date(NOON.getTime() - hours * 3_600_000);

  test("refuses when it is too old, or there is none", async () => {
    expect(await guard({ maxBackupAge: "24h" }, hoursAgo(30))).toMatchObject({
      code: "BACKUP_TOO_OLD",
      message: "the newest backup is 30 h old, and this drill wants one of the last 24 h",
    });
    expect(await guard({ maxBackupAge: "24h" })).toMatchObject({ code: "BACKUP_TOO_OLD" });
    expect(await guard({ maxBackupAge: "24h" }, hoursAgo(23))).toBeUndefined();
  });
});

test("replicas that nobody can count do not count as enough", async () => {
  expect(await guard({ healthyReplicas: 2 })).toMatchObject({ code: "REPLICAS_UNKNOWN" });
});

describe("the label that allows it", () => {
  const drill = drillWith({ guards: { requireLabel: "railiance.io/drill=allowed" } });

  test("has to be there with its value", async () => {
    const labels = { "railiance.io/drill": "allowed" };
    expect(await refusal(() => requireLabel(drill, { text: "pod db/pg-0", labels }))).toBe(
      undefined,
    );
    const other = { "railiance.io/drill": "no" };
    expect(
      await refusal(() => requireLabel(drill, { text: "pod db/pg-0", labels: other })),
    ).toMatchObject({
      code: "LABEL_MISSING",
      hint: "nothing was killed; if it may be: k3s kubectl -n db label pod pg-0 railiance.io/drill=allowed",
    });
  });

  test("comes with the command for a node too, and without one where there are no labels", async () => {
    const hint = async (text: string) =>
      (await refusal(() => requireLabel(drill, { text, labels: {} })))?.hint;
    expect(await hint("node s1")).toContain("k3s kubectl label node s1 railiance.io/drill=allowed");
    expect(await hint("k3s.service")).toContain("only pods and nodes have labels");
  });

  test("is not asked for where the file does not", async () => {
    expect(
      await refusal(() => requireLabel(drillWith(), { text: "node s1", labels: {} })),
    ).toBeUndefined();
  });
});
