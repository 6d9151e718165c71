/** The incident, and what catches it: a pgpool that cannot look at its backends never fails over, and `SELECT 1` does not say so. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMPILED, run } from "../cli/program.ts";
import { askCheck } from "./stack/check.ts";
import { ROUNDS, runDrill } from "./stack/drill.ts";
import { pgpoolDrill, startPgpool } from "./stack/pgpool.ts";
import { processesOf, until } from "./stack/programs.ts";
import type { PgpoolStack } from "./stack/pgpool.ts";

const WAIT = 180_000;

function pool(stack: PgpoolStack) {
  return askCheck({
    id: "pool",
    timeout: "10s",
    pgpool: { via: `127.0.0.1:${stack.port}`, nodes: 2 },
  });
}

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

/** The command line of a drill of this pool that asks nobody. */
function drillWords(stack: PgpoolStack): string {
  const { folder } = stack.work;
  writeFileSync(join(folder, "drill.yaml"), pgpoolDrill(stack));
  return `${COMPILED} ha drill ${folder}/drill.yaml --yes --reports ${folder}/reports`;
}

/** Runs a shell line with a /run of its own; gives what came to stdout, without colours and redrawing. */
async function shownBy(line: string): Promise<string> {
  const shell = ["/usr/bin/unshare", "--mount", "--", "/bin/sh", "-c"];
  const { code, stdout, stderr } = await run([...shell, `mount -t tmpfs tmpfs /run && ${line}`], {
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", TERM: "xterm" },
  });
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replaceAll(/\r+\n?/g, "\n");
}

/** The same on a terminal so wide. */
function shownOnTerminal(line: string, columns: number): Promise<string> {
  return shownBy(`script -qec 'stty cols ${columns} && exec ${line}' /dev/null`);
}

test(
  "on a terminal a drill ends with the line that ha report prints of it",
  async () => {
    await using stack = await startPgpool({ srCheckPassword: "right" });
    const shown = await shownOnTerminal(drillWords(stack), 110);
    const line = shown.split("\n").find((one) => one.includes("▼")) ?? "";
    expect(line).toMatch(/^postgres-primary-kill: ━+▼.* passed, not on a live cluster: /);
    expect(Array.from(line).length).toBeLessThanOrEqual(110);
    expect(shown).toContain("processes on this host, no cluster; not on a live cluster");
    const report = / {2}report +(\S+\.json)/.exec(shown)?.[1] ?? "";
    // It stands two characters in there.
    const again = await shownOnTerminal(`${COMPILED} ha report ${report}`, 112);
    expect(again).toContain(`  ${line}\n`);
  },
  WAIT,
);

test(
  "in a pipe a drill prints plain lines, the verdict first",
  async () => {
    await using stack = await startPgpool({ srCheckPassword: "right" });
    const plain = await shownBy(drillWords(stack));
    expect(plain).toStartWith("postgres-primary-kill: passed\n  killed  ");
    expect(plain).not.toMatch(/[━▼×▲]/);
  },
  WAIT,
);

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
    const outcome = await pool(stack);
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
      expect(result["reasons"]).toContain("no recovery within the window of 15 s");
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
    expect(await pool(stack)).toMatchObject({ passed: true });
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
      expect(await pool(stack)).toMatchObject({ passed: true });
    },
    WAIT,
  );

  test("the drills' own rows are gone afterwards", () => {
    expect(stack.psql(stack.port, "select count(*) from railiance_drill").trim()).toBe("0");
  });
});
