/** The gate: a component is proven by a pass of its drill, as long as nothing moved since. */
import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import { cluster } from "../ha/support.ts";
import { COMPONENTS, DRILL, PASSWORD, repository } from "./support-gate.ts";
import type { FakeRelease } from "../ha/support.ts";
import type { Repository } from "./support-gate.ts";

/** After the drill of the fixture. */
const AFTER = new Date("2026-11-24T00:00:00Z");

function withRepository(action: (made: Repository) => Promise<void>): Promise<void> {
  return withFolder((folder) => action(repository(folder)));
}

/** With a recorded pass and no report left, as in a clean clone. */
function withPass(action: (made: Repository) => Promise<void>): Promise<void> {
  return withRepository(async (made) => {
    made.ran();
    expect(await made.state({ record: true })).toBe("proven");
    made.write("reports/run-1.json", "");
    expect(await made.state()).toBe("proven");
    await action(made);
  });
}

describe("a component", () => {
  test("without a recorded pass is not proven, whatever reports there are", () =>
    withRepository(async (made) => {
      expect(await made.state()).toBe("never");
      made.ran();
      expect(await made.state()).toBe("never");
    }));

  test("with a recorded pass is proven in a clean clone, without any report", () =>
    withPass(async (made) => {
      const [one] = (await made.status()).components;
      expect(one?.pass).toMatchObject({
        date: "2026-11-23T19:34:44Z",
        chart: "postgresql-ha@16.3.4",
        gap: 6514,
        window: 30_000,
        commit: null,
      });
    }));

  test("is no longer proven when its drill file changed by a byte", () =>
    withPass(async (made) => {
      made.write("ha/drills/pg.yaml", `${DRILL}\n`);
      const [one] = (await made.status()).components;
      expect([one?.state, one?.why]).toEqual(["moved", ["the drill file changed since"]]);
    }));

  test("is no longer proven when the pinned chart moved", () =>
    withPass(async (made) => {
      made.write("ha/components.yaml", COMPONENTS.replace("16.3.4", "16.3.5"));
      const [one] = (await made.status()).components;
      expect([one?.state, one?.why]).toEqual([
        "moved",
        ["the chart is postgresql-ha@16.3.5 now, it was postgresql-ha@16.3.4"],
      ]);
    }));

  test("is no longer proven when a values file changed, was added or taken away; a moved one counts as the same", () =>
    withPass(async (made) => {
      const values = `pgpool: {srCheckPassword: ${PASSWORD}}\n`;
      made.write("values/pg.yaml", values.replace(PASSWORD, "hunter3"));
      expect(await made.state()).toBe("moved");
      made.write("values/pg.yaml", values);
      made.write("values/more.yaml", "");
      made.write(
        "ha/components.yaml",
        COMPONENTS.replace("pg.yaml]", "pg.yaml, ../values/more.yaml]"),
      );
      expect(await made.state()).toBe("moved");
      made.write("ha/components.yaml", COMPONENTS.replace(/ {4}values.*\n/, ""));
      expect(await made.state()).toBe("moved");
      made.write("elsewhere.yaml", values);
      made.write("ha/components.yaml", COMPONENTS.replace("values/pg.yaml", "elsewhere.yaml"));
      expect(await made.state()).toBe("proven");
    }));

  test("is not proven once its drill failed after the pass; a run that was cut off changes nothing", () =>
    withPass(async (made) => {
      made.ran({ verdict: "aborted", started: "2026-11-25T00:00:00Z" });
      made.ran({ verdict: "interrupted", started: "2026-11-25T01:00:00Z" });
      made.ran({ verdict: "failed", started: "2026-11-22T00:00:00Z", reasons: ["long ago"] });
      expect(await made.state()).toBe("proven");
      made.ran({ verdict: "failed", started: "2026-11-25T02:00:00Z", reasons: ["no recovery"] });
      const [one] = (await made.status()).components;
      expect([one?.state, one?.why]).toEqual(["failed", ["its last drill failed: no recovery"]]);
      made.ran({ verdict: "aborted", started: "2026-11-25T03:00:00Z" });
      expect(await made.state()).toBe("failed");
    }));

  test("is not proven by a pass that is older than the list allows", () =>
    withPass(async (made) => {
      made.write("ha/components.yaml", `${COMPONENTS}    maxAgeDays: 8\n`);
      expect(await made.state()).toBe("proven");
      made.write("ha/components.yaml", `${COMPONENTS}    maxAgeDays: 7\n`);
      expect(await made.state()).toBe("old");
    }));

  test("takes chart and values from releases.yaml when it only names its release", () =>
    withRepository(async (made) => {
      made.write(
        "ha/components.yaml",
        "schema: railiance.ha-components/1\ncomponents: [{component: pg, drill: drills/pg.yaml, release: db/pg}]\n",
      );
      const list = (version: string): string =>
        `schema: railiance.ha-releases/1\nreleases: [{release: db/pg, chart: postgresql-ha@${version}, values: [../values/pg.yaml]}]\n`;
      made.write("ha/releases.yaml", list("16.3.4"));
      made.ran();
      expect(await made.state({ record: true })).toBe("proven");
      made.write("values/pg.yaml", "other: true\n");
      made.write("ha/releases.yaml", list("16.3.5"));
      expect((await made.status()).components[0]?.why).toHaveLength(2);
    }));
});

/** The list with the release named, so that a cluster can be asked for it. */
const WITH_RELEASE = COMPONENTS.replace("    chart:", "    release: db/pg\n    chart:");

function running(version: string): FakeRelease {
  const chart = { name: "postgresql-ha", version };
  return { namespace: "db", name: "pg", revision: 4, chart, config: null };
}

describe("where a cluster can be asked, a component", () => {
  test("is proven as long as the release runs the chart of the pass", () =>
    withPass(async (made) => {
      made.write("ha/components.yaml", WITH_RELEASE);
      await using same = await cluster([running("16.3.4")]);
      const result = await made.status({ cluster: same.host });
      expect(result.components.map(({ state }) => state)).toEqual(["proven"]);
      expect(result.cluster).toBe("the cluster of test-host");
      await using other = await cluster([running("16.4.0")]);
      const [moved] = (await made.status({ cluster: other.host })).components;
      expect([moved?.state, moved?.why]).toEqual([
        "moved",
        [
          "the cluster of test-host runs postgresql-ha@16.4.0, the pass is one of postgresql-ha@16.3.4",
        ],
      ]);
      await using none = await cluster([]);
      const [missing] = (await made.status({ cluster: none.host })).components;
      expect([missing?.state, missing?.why.join()]).toEqual([
        "moved",
        expect.stringContaining("the cluster of test-host has no release db/pg"),
      ]);
    }));

  test("gets no pass recorded for a chart that is pinned and does not run", () =>
    withRepository(async (made) => {
      made.write("ha/components.yaml", WITH_RELEASE);
      made.ran();
      await using other = await cluster([running("16.3.3")]);
      const { context, recorded } = await made.status({ record: true, cluster: other.host });
      expect(recorded).toEqual([]);
      expect(JSON.stringify(context.said)).toContain(
        "runs postgresql-ha@16.3.3, and postgresql-ha@16.3.4 is pinned",
      );
    }));
});

describe("recording", () => {
  const refused = async (made: Repository): Promise<string> => {
    const { context, recorded } = await made.status({ record: true });
    expect(recorded).toEqual([]);
    return context.said.map((event) => (event.type === "warning" ? event.message : "")).join();
  };

  test("refuses a pass of another drill file, of values that changed since, and of a stand-in", () =>
    withRepository(async (made) => {
      made.ran({ fileSha256: "0".repeat(64) });
      expect(await refused(made)).toContain("is not recorded: the drill file changed since");
      made.write("reports/run-1.json", "");
      made.ran({ restsOn: "a stand-in for K3s" });
      expect(await refused(made)).toContain(
        "it rests on a stand-in for K3s; only a live cluster counts",
      );
      made.write("reports/run-2.json", "");
      made.ran();
      made.write("values/pg.yaml", "a: 1\n", AFTER);
      expect(await refused(made)).toContain("values/pg.yaml changed since");
      expect(await made.state()).toBe("never");
    }));

  test("of what ran on a stand-in says so also when nothing is recorded, and lets no such run hide a live pass", () =>
    withRepository(async (made) => {
      made.ran({ restsOn: "processes on this host, no cluster" });
      const [one] = (await made.status()).components;
      expect(one?.why.join("; ")).toContain(
        "rests on processes on this host, no cluster, and only a live cluster counts",
      );
      made.ran({ started: "2026-11-22T00:00:00Z" });
      expect((await made.status({ record: true })).recorded).toEqual(["postgres"]);
    }));

  test("refuses a pass older than a chart that was raised since", () =>
    withPass(async (made) => {
      made.ran({ started: "2026-11-23T20:00:00Z" });
      made.write("ha/components.yaml", COMPONENTS.replace("16.3.4", "16.3.5"), AFTER);
      expect(await refused(made)).toContain("the chart in");
      expect(await made.state()).toBe("moved");
    }));

  test("takes a newer pass, never an older or a failed one, and forgets what is no longer listed", () =>
    withPass(async (made) => {
      const text = (): string => readFileSync(join(made.folder, "ha/passes.yaml"), "utf8");
      const before = text();
      made.ran({ started: "2026-11-20T00:00:00Z" });
      expect((await made.status({ record: true })).recorded).toEqual([]);
      expect(text()).toBe(before);
      made.ran({ verdict: "failed", started: "2026-11-25T00:00:00Z" });
      expect((await made.status({ record: true })).recorded).toEqual([]);
      expect(text()).toBe(before);
      made.ran({ started: "2026-11-26T00:00:00Z", unavailable: 0 });
      expect((await made.status({ record: true })).recorded).toEqual(["postgres"]);
      expect(text()).toContain("date: 2026-11-26T00:00:00Z");
      made.write("ha/components.yaml", COMPONENTS.replace("postgres\n", "other\n"));
      made.write("reports/run-4.json", "");
      await made.status({ record: true });
      expect(text()).not.toContain("component: postgres");
    }));

  test("writes nothing from which a short password could be looked up, and another salt each time", () =>
    withPass(async (made) => {
      const file = join(made.folder, "ha/passes.yaml");
      const first = readFileSync(file, "utf8");
      expect(first).not.toContain(PASSWORD);
      expect(first).toMatch(/values: scrypt-15-8-1\$\S{22}\$\S{43}\n/);
      made.ran({ started: "2026-11-26T00:00:00Z" });
      await made.status({ record: true });
      const values = (text: string): string => /values: (\S+)/.exec(text)?.[1] ?? "";
      expect(values(readFileSync(file, "utf8"))).not.toBe(values(first));
    }));

  test("names the commit, and says when what it proves is not in it", () =>
    withRepository(async (made) => {
      const git = (...args: string[]): string =>
        execFileSync(
          "git",
          ["-C", made.folder, "-c", "user.name=t", "-c", "user.email=t@t", ...args],
          {
            encoding: "utf8",
            env: {
              PATH: process.env["PATH"],
              GIT_COMMITTER_DATE: "2026-11-02T00:00:00Z",
              HOME: made.folder,
            },
          },
        );
      git("init", "-q");
      git("add", "-A");
      git("commit", "-qm", "first");
      // As in a clone: all files are as new as the clone, the commit says since when they are so.
      made.write("values/pg.yaml", `pgpool: {srCheckPassword: ${PASSWORD}}\n`, AFTER);
      made.ran();
      const [pass] = (await made.status({ record: true })).components.map((one) => one.pass);
      expect(pass).toMatchObject({ commit: git("rev-parse", "HEAD").trim(), uncommitted: false });

      made.write("values/pg.yaml", "a: 2\n");
      made.ran({ started: "2026-11-26T00:00:00Z" });
      const [second] = (await made.status({ record: true })).components.map((one) => one.pass);
      expect(second).toMatchObject({ uncommitted: true });
    }));
});

describe("a list that cannot be used", () => {
  test("is one sentence with its place", () =>
    withRepository(async (made) => {
      const cases: readonly (readonly [text: string, code: string, words: string])[] = [
        ["components: [", "COMPONENTS_INVALID", "is not YAML"],
        [COMPONENTS.replace("drill:", "dril:"), "COMPONENTS_INVALID", "components.0"],
        [
          COMPONENTS + COMPONENTS.split("\n").slice(2).join("\n"),
          "COMPONENTS_INVALID",
          "lists postgres twice",
        ],
        [COMPONENTS.replace("drills/pg", "drills/none"), "NO_DRILL_FILE", "there is no drill file"],
        [COMPONENTS.replace("values/pg", "values/none"), "FILE_MISSING", "values/none.yaml"],
        [COMPONENTS.replace("@16.3.4", ""), "CHART_INVALID", "no chart with an exact version"],
      ];
      for (const [text, code, words] of cases) {
        made.write("ha/components.yaml", text);
        const failure = await failureOf(() => made.status());
        expect(failure.code).toBe(code);
        expect(failure.message).toContain(words);
      }
      made.write("ha/components.yaml", COMPONENTS);
      made.write("ha/passes.yaml", "schema: something/1\n");
      expect((await failureOf(() => made.status())).code).toBe("PASSES_INVALID");
    }));
});
