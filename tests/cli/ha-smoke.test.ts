/** `ha smoke` as it is shipped, where there is no K3s: what it refuses, and components alone. */
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PROGRAMS, run, temporaryFolder } from "./program.ts";

/** Answers 200 to everything. */
const server = createServer((_, response) => response.end("the shop"));
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});
afterAll(() => {
  server.close();
});

for (const { name, command } of PROGRAMS) {
  describe(`ha smoke, ${name}`, () => {
    test("components alone: all run, exit 0 or 12, as text, TAP and JSON", async () => {
      await using folder = await temporaryFolder();
      const { path: cwd } = folder;
      const options = { cwd, env: { RAILIANCE_RESULT_DIR: join(cwd, "results") } };
      const smoke = [...command, "ha", "smoke", "--file", "list.yaml", "--data-dir", cwd];
      const shop = `- {id: shop, http: {url: "http://127.0.0.1:${port}/", contains: the shop}}\n`;
      await writeFile(join(cwd, "list.yaml"), shop);

      const good = await run(smoke, options);
      expect(good.code).toBe(0);
      expect(good.stdout).toContain(`ok   shop: http://127.0.0.1:${port}/ answers 200\n`);
      expect(good.stdout).toContain("skip readyz: there is no K3s server on this host\n");

      const other = `- {id: other, http: {url: "http://127.0.0.1:${port}/", status: 204}}\n`;
      await writeFile(join(cwd, "list.yaml"), `${other}${shop}`);
      const bad = await run([...smoke, "--json"], options);
      expect(bad.code).toBe(12);
      const { status, checks, error } = JSON.parse(bad.stdout);
      expect(status).toBe("drill-failed");
      expect(checks.slice(9).map((one: { outcome: string }) => one.outcome)).toEqual([
        "fail",
        "ok",
      ]);
      expect(error).toMatchObject({ code: "SMOKE_FAILED", message: "1 check of 11 failed: other" });

      const tap = await run([...smoke, "--tap"], options);
      expect(tap.code).toBe(12);
      expect(tap.stdout).toStartWith("TAP version 14\n1..11\nok 1 - readyz # SKIP ");
      expect(tap.stdout).toContain("\nnot ok 10 - other\n  ---\n");

      await writeFile(join(cwd, "list.yaml"), "[]\n");
      const nothing = await run(smoke, options);
      expect([nothing.code, nothing.stderr]).toEqual([
        12,
        expect.stringContaining("no check applied, so nothing is proven"),
      ]);
    });

    test("wrong input is one sentence: exit 2, and 5 where nothing can be checked", async () => {
      await using folder = await temporaryFolder();
      const { path: cwd } = folder;
      const options = { cwd, env: { RAILIANCE_RESULT_DIR: join(cwd, "results") } };
      const said = async (...flags: readonly string[]) => {
        const { code, stdout, stderr } = await run([...command, "ha", "smoke", ...flags], options);
        expect(stdout).toBe("");
        return `${code} ${stderr}`;
      };
      expect(await said("--tap", "--nodes", "many")).toContain("2 error: --nodes wants a number");
      expect(await said("--interval", "soon")).toContain("2 error: --interval wants an age");
      expect(await said("--file", "none.yaml")).toContain("2 error: there is no file ");
      expect(await said()).toContain("5 error: there is no K3s server on this host");
    });
  });
}
