/**
 * The page of a drill in a real browser, where there is one (Debian's chromium);
 * everywhere, the page as `ha report` writes it from reports that real drills left.
 */
import { describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { keepReport, renderReport } from "../../src/app/ha-reports.ts";
import { elementsOf } from "../helpers/html.ts";
import { failureOf } from "../helpers/errors.ts";
import { withFolder } from "../helpers/folder.ts";
import { FIXTURES, fixture } from "../unit/ha-report/support.ts";
import type { DrillReport } from "../../src/ha/drill/report.ts";

const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) =>
  existsSync(path),
);

interface Seen {
  /** The document after everything that could run has run. */
  readonly dom: string;
  /** Lines that the page wrote to the console. */
  readonly console: string[];
}

/** Opens a page in a fresh profile without a network. */
async function open(page: string, folder: string): Promise<Seen> {
  const child = Bun.spawn(
    [
      CHROMIUM ?? "",
      "--headless=new",
      "--no-sandbox",
      "--disable-gpu",
      "--host-resolver-rules=MAP * ~NOTFOUND",
      `--user-data-dir=${join(folder, "profile")}`,
      "--enable-logging=stderr",
      "--window-size=390,900",
      "--dump-dom",
      `file://${page}`,
    ],
    { stdout: "pipe", stderr: "pipe", env: { PATH: process.env["PATH"], HOME: folder } },
  );
  const [dom, log] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { dom, console: log.split("\n").filter((line) => line.includes("CONSOLE")) };
}

/** Every text of a report tries to run. */
const EVIL = `"'></style></svg><script>document.title='owned'</script><img src=x onerror="document.title='owned'">`;

describe("a kept report", () => {
  test("has its page beside it, for root's eyes only, and the page links back", () =>
    withFolder(async (folder) => {
      const [json = "", page = ""] = await keepReport(fixture("passed"), join(folder, "reports"));
      expect(JSON.parse(readFileSync(json, "utf8"))).toEqual(fixture("passed"));
      expect(page).toBe(json.replace(/\.json$/, ".html"));
      for (const path of [json, page]) expect(statSync(path).mode & 0o777).toBe(0o600);
      const links = elementsOf(readFileSync(page, "utf8")).flatMap(
        ({ attributes }) => attributes.get("href") ?? [],
      );
      expect(links).toEqual([`./${json.slice(json.lastIndexOf("/") + 1)}`]);
    }));

  test("makes the same page again, also elsewhere, and never over itself", () =>
    withFolder(async (folder) => {
      const [json = "", page = ""] = await keepReport(fixture("incident"), folder);
      const first = readFileSync(page, "utf8");
      expect((await renderReport({ path: json, output: undefined })).page).toBe(page);
      expect(readFileSync(page, "utf8")).toBe(first);
      const output = join(folder, "profile.html");
      await renderReport({ path: json, output });
      expect(statSync(output).size).toBeGreaterThan(5_000);
      expect((await failureOf(() => renderReport({ path: json, output: json }))).code).toBe(
        "PAGE_NOT_WRITTEN",
      );
    }));

  test("that is none is refused in one sentence", () =>
    withFolder(async (folder) => {
      const fixtures = fileURLToPath(new URL("fixtures/", import.meta.url));
      const path = join(folder, "other.json");
      copyFileSync(join(fixtures, "../../../package.json"), path);
      const failure = await failureOf(() => renderReport({ path, output: undefined }));
      expect(failure.code).toBe("REPORT_INVALID");
      const missing = join(folder, "none.json");
      expect((await failureOf(() => renderReport({ path: missing, output: undefined }))).code).toBe(
        "FILE_MISSING",
      );
    }));
});

describe(`in ${CHROMIUM === undefined ? "a strict reader (no browser here)" : "chromium"}`, () => {
  test(
    "every page opens, quietly and whole",
    () =>
      withFolder(async (folder) => {
        for (const name of FIXTURES) {
          const [, page = ""] = await keepReport(fixture(name), join(folder, name));
          const text = readFileSync(page, "utf8");
          expect(elementsOf(text).length).toBeGreaterThan(30);
          expect(text).not.toMatch(/https?:/);
          if (CHROMIUM === undefined) continue;
          const seen = await open(page, folder);
          expect(seen.console).toEqual([]);
          expect(seen.dom).toContain(fixture(name).fileSha256);
        }
      }),
    120_000,
  );

  test(
    "nothing that stands in a report runs",
    () =>
      withFolder(async (folder) => {
        const base = fixture("passed");
        const report: DrillReport = {
          ...base,
          about: EVIL,
          host: EVIL,
          reasons: [EVIL],
          victim: EVIL,
          restsOn: EVIL,
          errors: { [EVIL]: 1 },
          checks: [{ id: EVIL, when: "after", passed: false, detail: EVIL, hint: EVIL }],
        };
        const [, page = ""] = await keepReport(report, folder);
        const names = new Set(elementsOf(readFileSync(page, "utf8")).map(({ name }) => name));
        expect([names.has("script"), names.has("img")]).toEqual([false, false]);
        if (CHROMIUM === undefined) return;
        const { dom, console } = await open(page, folder);
        expect(dom).toContain("<title>postgres-primary-kill: passed, 2026-11-23</title>");
        expect(console).toEqual([]);
      }),
    60_000,
  );
});
