/** When a drill does not kill, when it is no pass although it killed, and what a signal leaves: on a pool that is well. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { askPool } from "./stack/check.ts";
import { runDrill } from "./stack/drill.ts";
import { pgpoolDrill, startPgpool } from "./stack/pgpool.ts";
import { processesOf, until } from "./stack/programs.ts";
import type { PgpoolStack } from "./stack/pgpool.ts";

const WAIT = 180_000;

/** A drill of the pool that kills something else. */
function wrongVictim(stack: PgpoolStack, kill: string, changes = true): string {
  return pgpoolDrill(stack)
    .replace(/^kill: .*$/m, `kill: ${kill}`)
    .replace(/^recovery: .*$/m, `recovery: {window: 4s, primaryChanges: ${changes}}`);
}

/** A process of the stack that is no part of the service; its pid file. */
async function bystander(stack: PgpoolStack, words: string): Promise<string> {
  const file = join(stack.work.folder, `bystander-${randomUUID()}.pid`);
  stack.work.start("bystander", ["/bin/sh", "-c", `${words} echo $$ > ${file}; exec sleep 600`]);
  await until("the bystander", () => readFileSync(file, "utf8").trim() !== "");
  return file;
}

function stateOf(pid: string): string | undefined {
  return / ([A-Z]) /.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1];
}

describe("a drill of a pool that is well", () => {
  let stack: PgpoolStack;
  beforeAll(async () => {
    stack = await startPgpool({ srCheckPassword: "right" });
  }, WAIT);
  afterAll(async () => {
    const { folder } = stack.work;
    await stack[Symbol.asyncDispose]();
    expect(processesOf(folder)).toEqual([]);
  }, WAIT);

  test("the smoke check passes", async () => {
    expect(await askPool(stack)).toMatchObject({ passed: true });
  });

  test(
    "--dry-run names what would be killed, and kills nothing",
    async () => {
      const { code, report, result } = await runDrill({
        folder: stack.work.folder,
        yaml: pgpoolDrill(stack),
        flags: ["--dry-run"],
      });
      expect({ code, report, dry: result["dry_run"] }).toEqual({
        code: 0,
        report: undefined,
        dry: true,
      });
    },
    WAIT,
  );

  test("without --yes and without a terminal nothing is killed, and there is no report", async () => {
    const { code, result, report } = await runDrill({
      folder: stack.work.folder,
      yaml: pgpoolDrill(stack),
      flags: [],
    });
    expect(code).toBe(10);
    expect(result).toMatchObject({ error: { code: "NO_CONSENT" } });
    expect(report).toBeUndefined();
  });

  test("while a backup holds the lock, the drill does not begin", async () => {
    const { code, result } = await runDrill({
      folder: stack.work.folder,
      yaml: pgpoolDrill(stack),
      before:
        "mkdir -p /run/railiance && exec 9>>/run/railiance/cluster.lock && echo backup >&9 && flock 9 &&",
    });
    expect(code).toBe(7);
    expect(result).toMatchObject({ error: { code: "LOCKED" } });
  });

  test(
    "is no pass when what it killed was not the primary: the primary is the same as before",
    async () => {
      const file = await bystander(stack, "");
      const { code, result } = await runDrill({
        folder: stack.work.folder,
        yaml: wrongVictim(stack, `{method: process, pidFile: "${file}"}`),
        row: "pgpool, something else killed",
      });
      expect(code).toBe(12);
      expect(result).toMatchObject({ verdict: "failed", new_primary: null });
      expect(String(result["reasons"])).toContain("the primary is the same as before");
    },
    WAIT,
  );

  test(
    "is no pass when what it killed lives on, although nothing else was asked for",
    async () => {
      const file = await bystander(stack, "trap '' TERM;");
      const kill = `{method: process, signal: TERM, pidFile: "${file}"}`;
      const { code, result } = await runDrill({
        folder: stack.work.folder,
        yaml: wrongVictim(stack, kill, false),
        row: "pgpool, nothing killed",
      });
      expect(code).toBe(12);
      expect(result).toMatchObject({ verdict: "failed" });
      expect(String(result["reasons"])).toContain("lived on after the kill");
    },
    WAIT,
  );

  test("is no pass when its pid file names no process", async () => {
    const kill = `{method: process, pidFile: "${stack.work.folder}/no-such.pid"}`;
    const { code, result } = await runDrill({
      folder: stack.work.folder,
      yaml: wrongVictim(stack, kill),
    });
    expect(code).toBe(12);
    expect(result).toMatchObject({ verdict: "aborted", error: { code: "KILL_FAILED" } });
  });

  for (const [signal, exit] of [
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const) {
    test(
      `${signal} after the kill: exit ${exit}, a report that says interrupted, and nothing stays stopped`,
      async () => {
        const file = await bystander(stack, "");
        const pid = readFileSync(file, "utf8").trim();
        const { code, result, report } = await runDrill({
          folder: stack.work.folder,
          yaml: wrongVictim(stack, `{method: process, signal: STOP, pidFile: "${file}"}`).replace(
            "window: 4s",
            "window: 120s",
          ),
          row: `pgpool, ${signal} in the midst of it`,
          during: async (child) => {
            await until("the kill", () => stateOf(pid) === "T");
            child.kill(signal);
          },
        });
        expect(code).toBe(exit);
        expect(result).toMatchObject({ verdict: "interrupted", unavailable_ms: null });
        expect(Number(result["acked"])).toBeGreaterThan(0);
        expect(JSON.parse(readFileSync(report ?? "", "utf8"))).toMatchObject({
          verdict: "interrupted",
          reasons: ["stopped by a signal"],
        });
        expect(stateOf(pid)).not.toBe("T");
      },
      WAIT,
    );
  }

  test(
    "SIGTERM before the kill: interrupted, and nothing was killed",
    async () => {
      const { code, result } = await runDrill({
        folder: stack.work.folder,
        yaml: pgpoolDrill(stack).replace("baseline: 2s", "baseline: 120s"),
        during: async (child) => {
          // The probe's first row is there: the baseline is under way.
          await until("the probe", () =>
            /[1-9]/.test(stack.psql(stack.port, "select count(*) from railiance_drill")),
          );
          child.kill("SIGTERM");
        },
      });
      expect(code).toBe(143);
      expect(result).toMatchObject({ verdict: "interrupted", killed_at: null, victim: null });
      expect(await askPool(stack)).toMatchObject({ passed: true });
    },
    WAIT,
  );

  test("the drills' own rows are gone afterwards", () => {
    expect(stack.psql(stack.port, "select count(*) from railiance_drill").trim()).toBe("0");
  });
});
