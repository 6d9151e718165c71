/** Reports that real drills left (tests/ha/fixtures), and the page as its readers see it. */
import { readFileSync } from "node:fs";
import { parseReport } from "../../../src/ha/report/read-report.ts";
import { elementsOf } from "../../helpers/html.ts";
import type { DrillReport } from "../../../src/ha/drill/report.ts";

/** `passed`: away for 6.5 s. `unnoticed`: no attempt failed. `incident`: pgpool without its password, never back. */
export const FIXTURES = ["passed", "unnoticed", "incident", "aborted", "interrupted"] as const;
export type Fixture = (typeof FIXTURES)[number];

export function fixtureText(name: Fixture): string {
  return readFileSync(new URL(`../../ha/fixtures/${name}.json`, import.meta.url), "utf8");
}

export function fixture(name: Fixture, change: Partial<DrillReport> = {}): DrillReport {
  const parsed = parseReport(JSON.parse(fixtureText(name)));
  if ("problem" in parsed) throw new Error(`${name}: ${parsed.problem}`);
  return { ...parsed.report, ...change };
}

/** All text that is shown, in one line. Throws for a page that is not well-formed. */
export function shownText(page: string): string {
  return elementsOf(page)
    .filter(({ name }) => name !== "style")
    .map(({ text }) => text.trim())
    .filter((text) => text !== "")
    .join(" | ");
}
