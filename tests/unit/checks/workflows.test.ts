/** The workflows keep to what both Gitea and Forgejo do (facts/operations.md 6), not to what only one of them promises. */
import { describe, expect, test } from "bun:test";
import { readFileSync, readdirSync, existsSync } from "node:fs";
import { parse } from "yaml";
import * as v from "valibot";

const ROOT = new URL("../../../", import.meta.url);
const FOLDER = new URL(".gitea/workflows/", ROOT);

const Step = v.object({
  name: v.string(),
  uses: v.optional(v.string()),
  env: v.optional(v.record(v.string(), v.string()), {}),
  run: v.string(),
});
const Workflow = v.object({
  name: v.string(),
  on: v.record(v.string(), v.unknown()),
  concurrency: v.object({ group: v.string(), "cancel-in-progress": v.boolean() }),
  jobs: v.record(v.string(), v.strictObject({ "runs-on": v.string(), steps: v.array(Step) })),
});
type Workflow = v.InferOutput<typeof Workflow>;

function workflow(file: string): Workflow {
  return v.parse(Workflow, parse(readFileSync(new URL(file, FOLDER), "utf8")));
}
const FILES = readdirSync(FOLDER);
const stepsOf = (one: Workflow): v.InferOutput<typeof Step>[] =>
  Object.values(one.jobs).flatMap(({ steps }) => steps);

describe("every workflow", () => {
  for (const file of FILES) {
    test(`${file} limits its own time, for timeout-minutes may be ignored`, () => {
      const long = stepsOf(workflow(file)).filter(({ name }) => name !== "checkout");
      expect(long.length).toBeGreaterThan(0);
      for (const { run } of long)
        expect(run).toMatch(/^(?:exec )?timeout (?:--kill-after=\d+m )?\d+m \S/);
    });

    test(`${file} needs no action from elsewhere, and its runner is a variable of the site`, () => {
      for (const { uses } of stepsOf(workflow(file))) expect(uses).toBeUndefined();
      for (const { "runs-on": label } of Object.values(workflow(file).jobs)) {
        expect(label).toMatch(/^\$\{\{ vars\.RAILIANCE_(?:CLUSTER_)?RUNNER \|\| '[a-z-]+' \}\}$/);
      }
    });

    test(`${file} puts nothing that somebody wrote, and no token, into a script`, () => {
      for (const { run } of stepsOf(workflow(file))) {
        const used = [...run.matchAll(/\$\{\{\s*([^}]+?)\s*\}\}/g)].map(([, name]) => name ?? "");
        for (const name of used) expect(name).toMatch(/^github\.(?:server_url|repository|sha)$/);
      }
    });
  }

  test("is read by Forgejo too, which would read only .forgejo/workflows if there were any", () => {
    expect(existsSync(new URL(".forgejo", ROOT))).toBe(false);
    expect(existsSync(new URL(".github", ROOT))).toBe(false);
  });
});

describe("smoke", () => {
  const smoke = workflow("smoke.yml");

  test("is the check railiance-tests / smoke, on push, by date and by hand", () => {
    expect([smoke.name, Object.keys(smoke.jobs)]).toEqual(["railiance-tests", ["smoke"]]);
    expect(Object.keys(smoke.on).sort()).toEqual(["push", "schedule", "workflow_dispatch"]);
  });

  test("is safe to cancel: it runs the smoke check and nothing else", () => {
    expect(smoke.concurrency["cancel-in-progress"]).toBe(true);
    const runs = stepsOf(smoke).map(({ run }) => run);
    expect(runs.slice(1)).toEqual(["timeout --kill-after=1m 15m tests/smoke_kube.sh"]);
    expect(runs.join()).not.toMatch(/drill|--record|restore/);
  });
});

describe("drills", () => {
  const drills = workflow("drills.yml");

  test("are started by date or by hand only: what a push starts, the next push cancels", () => {
    expect(Object.keys(drills.on).sort()).toEqual(["schedule", "workflow_dispatch"]);
  });

  test("have a group of their own in which the running one ends", () => {
    expect(drills.concurrency["cancel-in-progress"]).toBe(false);
    expect(drills.concurrency.group).not.toContain("${{");
    const others = FILES.filter((file) => file !== "drills.yml").map(workflow);
    for (const { concurrency } of others)
      expect(concurrency.group).not.toBe(drills.concurrency.group);
  });

  test("have long ended when their next date comes", () => {
    const dates = v.parse(v.array(v.object({ cron: v.string() })), drills.on["schedule"]);
    for (const { cron } of dates) expect(cron).toMatch(/^\d+ \d+ \* \* \d$/);
    const limit = /timeout --kill-after=(\d+)m (\d+)m/.exec(stepsOf(drills).at(-1)?.run ?? "");
    expect(Number(limit?.[1]) + Number(limit?.[2])).toBeLessThan(24 * 60);
  });

  test("are run by the script that hands TERM on, with exec so that nothing stands between", () => {
    const last = stepsOf(drills).at(-1);
    expect(last?.run).toMatch(
      /^exec timeout --kill-after=10m 60m build\/drills\.sh \$\{DRILL:\+"\$DRILL"\}$/,
    );
    expect(last?.env).toEqual({ DRILL: "${{ inputs.drill }}" });
  });
});
