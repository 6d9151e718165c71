/** A drill file, and what is said about one that is none. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OperatorError } from "../../../src/errors.ts";
import { readDrillFile } from "../../../src/ha/drill/read-file.ts";
import { drillWith } from "./support.ts";

const GOOD = `apiVersion: railiance/drill/v1
name: some-drill
steadyState:
  - {id: pool, timeout: 5s, pgpool: {via: "pg-pgpool.db:5432", nodes: 3}}
probe: {kind: sql, via: "pg-pgpool.db:5432"}
target: {resolve: pgpool, via: "pg-pgpool.db:5432"}
kill: {method: pod-delete}
recovery: {window: 1m, maxUnavailable: 30s}
`;

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "railiance-drill-file-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function read(text: string) {
  const path = join(folder, "d.yaml");
  await writeFile(path, text);
  return await readDrillFile(path);
}

/** The sentence about it, without the folder; undefined when it is a drill. */
async function problem(text: string): Promise<string | undefined> {
  try {
    await read(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    expect(error.exit).toBe("usage");
    return error.message.replaceAll(`${folder}/`, "");
  }
}

describe("a drill file", () => {
  test("gives durations in milliseconds, and what was left out as it is meant", async () => {
    const { drill } = await read(GOOD);
    expect(drill).toMatchObject({
      steadyState: [{ id: "pool", timeout: 5000, kind: "pgpool" }],
      baseline: 3000,
      probe: { interval: 200, timeout: 2000, user: "postgres" },
      kill: { method: "pod-delete", gracePeriod: 0 },
      recovery: {
        window: 60_000,
        maxUnavailable: 30_000,
        consecutive: 5,
        maxLostAcked: 0,
        primaryChanges: true,
      },
      abort: { timeout: 600_000 },
      after: [],
    });
  });

  test("that is missing is said to be", async () => {
    let message = "";
    try {
      await readDrillFile(join(folder, "no-such.yaml"));
    } catch (error) {
      message = error instanceof OperatorError ? error.message : "";
    }
    expect(message).toContain("there is no drill file");
  });

  test("that is no YAML is refused with its line", async () => {
    expect(await problem(`${GOOD}after: [\n`)).toContain("d.yaml:");
    expect(await problem(`name: a\nname: b\n`)).toContain("d.yaml:2:");
  });

  const wrong: readonly (readonly [string, string, string, string])[] = [
    ["a duration without a unit", "window: 1m", "window: 60", "d.yaml:8: recovery.window "],
    [
      "a word that nobody knows",
      "kill: {method: pod-delete}",
      "kill: {method: pod-kick}",
      "d.yaml:7: kill.method ",
    ],
    ["a field that nobody knows", "kill: {", "kill: {grace: 5s, ", "d.yaml:7: kill.grace "],
    [
      "an address without a port",
      'sql, via: "pg-pgpool.db:5432"',
      "sql, via: pg",
      "d.yaml:5: probe.via ",
    ],
    ["another version", "drill/v1", "drill/v9", "d.yaml:1: apiVersion must be railiance/drill/v1"],
    ["a name with spaces", "name: some-drill", "name: some drill", "d.yaml:2: name must be "],
    [
      "a check without a kind",
      'pgpool: {via: "pg-pgpool.db:5432", nodes: 3}',
      "timeout: 1s",
      "d.yaml:4: ",
    ],
    [
      "a check of two kinds",
      "nodes: 3}",
      "nodes: 3}, readyz: {}",
      "d.yaml:4: steadyState.0 needs exactly one of",
    ],
    [
      "more time to recover than the drill may take",
      "window: 1m",
      "window: 20m",
      "abort.timeout must be longer than",
    ],
  ];
  for (const [what, from, to, sentence] of wrong) {
    test(`with ${what} is refused with file and line`, async () => {
      expect(GOOD).toContain(from);
      expect(await problem(GOOD.replace(from, to))).toContain(sentence);
    });
  }

  test("may not want to kill the first process of a container from inside: the kernel would not", async () => {
    const kill = "kill: {method: pod-signal, signal: KILL}";
    expect(await problem(GOOD.replace("kill: {method: pod-delete}", kill))).toContain(
      "cannot be killed from inside",
    );
    const other = "kill: {method: pod-signal, signal: KILL, process: 7}";
    expect(await problem(GOOD.replace("kill: {method: pod-delete}", other))).toBeUndefined();
  });

  test("needs a steady state: without one nobody knows whether it was well before", () => {
    expect(() => drillWith({ steadyState: [] })).toThrow("needs at least one check");
  });

  test("refuses hours that no clock shows, and a window that is none", () => {
    for (const window of ["25:00-26:00", "02:60-03:00", "2:00-3:00", "04:00-04:00"]) {
      expect(() => drillWith({ guards: { window } })).toThrow("guards.window");
    }
    drillWith({ guards: { window: "22:00-05:00" } });
    drillWith({ guards: { window: "20:00-24:00" } });
  });
});
