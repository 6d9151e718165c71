/** `ha status` and `ha report` as they are shipped: what the operator types, and what a script sees. */
import { describe, expect, test } from "bun:test";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PROGRAMS, run, temporaryFolder } from "./program.ts";

const TESTS = fileURLToPath(new URL("../ha", import.meta.url));

/** The report of a real drill, as if it had been one of the example's drill file against a live cluster, just now. */
async function leaveReport(
  folder: string,
  change: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const report = JSON.parse(await readFile(join(TESTS, "fixtures/passed.json"), "utf8"));
  const drill = await readFile(join(folder, "ha/drills/postgres-primary-kill.yaml"));
  const fileSha256 = createHash("sha256").update(drill).digest("hex");
  const started = new Date(Date.now() + 1000).toISOString();
  await mkdir(join(folder, "reports"), { recursive: true });
  await writeFile(
    join(folder, "reports/run.json"),
    JSON.stringify({ ...report, fileSha256, started, restsOn: null, ...change }),
  );
}

for (const { name, command } of PROGRAMS) {
  describe(`ha status and report, ${name}`, () => {
    test("the gate: 12 without a pass, 0 with one, 11 once something moved; without --strict only words", async () => {
      await using folder = await temporaryFolder();
      const { path: cwd } = folder;
      await cp(join(TESTS, "example"), join(cwd, "ha"), { recursive: true });
      const status = (...args: string[]) =>
        run([...command, "ha", "status", "--reports", "reports", ...args], {
          cwd,
          env: { PATH: process.env["PATH"] ?? "" },
        });

      const none = await status("--strict");
      expect([none.code, none.stderr]).toEqual([12, ""]);
      expect(none.stdout).toContain(
        "postgres: no pass is recorded\n    railiance-cluster ha drill ha/drills/",
      );
      expect((await status()).code).toBe(0);

      await leaveReport(cwd, { restsOn: "a stand-in for K3s" });
      const refused = await status("--record", "--strict");
      expect(refused.code).toBe(12);
      expect(refused.stderr).toContain(
        "it rests on a stand-in for K3s; only a live cluster counts",
      );
      expect(refused.stdout).not.toContain("recorded postgres");

      await leaveReport(cwd);
      const recorded = await status("--record", "--strict");
      expect([recorded.code, recorded.stderr]).toEqual([0, ""]);
      expect(recorded.stdout).toContain("postgresql-ha@16.3.4  away 6.51 s of 30 s");
      expect(recorded.stdout).toContain("recorded postgres in ");

      const nothing = await status("--live");
      expect([nothing.code, nothing.stderr]).toEqual([
        5,
        expect.stringContaining("no component of the list names its release"),
      ]);
      const list = join(cwd, "ha/components.yaml");
      const text = await readFile(list, "utf8");
      await writeFile(list, text.replace("    drill:", "    release: db/pg\n    drill:"));
      const live = await status("--live");
      expect([live.code, live.stderr]).toEqual([5, expect.stringContaining("leave out --live")]);
      expect((await status("--live", "--offline")).code).toBe(2);

      await writeFile(join(cwd, "ha/values/pg.yaml"), "pgpool: {}\n");
      const moved = await status("--strict", "--json");
      expect(moved.code).toBe(11);
      expect(JSON.parse(moved.stdout)).toMatchObject({
        status: "drift",
        components: [
          {
            component: "postgres",
            state: "moved",
            why: ["the values files changed since"],
            last_pass: { unavailable_ms: 6514, window_ms: 30_000 },
          },
        ],
      });
    });

    test("a page out of a report: its path on stdout, the story in one line on stderr", async () => {
      await using folder = await temporaryFolder();
      const { path: cwd } = folder;
      await cp(join(TESTS, "fixtures/passed.json"), join(cwd, "pg.json"));
      const made = await run([...command, "ha", "report", "pg.json"], { cwd });
      expect([made.code, made.stdout]).toEqual([0, `${join(cwd, "pg.html")}\n`]);
      expect(made.stderr).toMatch(/━▼×+▲━.* passed, not on a live cluster: 6\.51 s of 30 s/);
      expect(await readFile(join(cwd, "pg.html"), "utf8")).toStartWith("<!doctype html>");
      const refused = await run([...command, "ha", "report", "pg.html"], { cwd });
      expect([refused.code, refused.stdout]).toEqual([2, ""]);
      expect(refused.stderr).toContain("is no report of a drill");
    });
  });
}
