/** Where reports of drills are kept, and reading them again. */
import { basename, dirname } from "node:path";
import * as v from "valibot";
import { OperatorError, systemCode } from "../errors.ts";
import { REPORT_FORMAT } from "../ha/drill/report.ts";
import { reportPage } from "../ha/report/page.ts";
import { parseReport } from "../ha/report/read-report.ts";
import { writeFileAtomic } from "../sys/atomic.ts";
import { namesIn, readTextIfPresent } from "../sys/files.ts";
import { sha256Hex } from "../sys/hash.ts";
import { ensureFolder } from "../sys/remove.ts";
import { readInput } from "./ha-values.ts";
import { DRILL_REPORTS } from "./places.ts";
import type { DrillReport } from "../ha/drill/report.ts";

export { drillTimeline } from "../ha/report/timeline.ts";
export { millisecondsText } from "../ha/report/words.ts";

/** Writes `<drill>_<started>.json` and the page beside it; gives the paths of both. */
export async function keepReport(report: DrillReport, folder: string): Promise<readonly string[]> {
  await ensureFolder(folder);
  const stamp = report.started.replace(/[-:]/g, "");
  const path = `${folder}/${report.drill}_${stamp}.json`;
  await writeFileAtomic(path, `${JSON.stringify(report, undefined, 2)}\n`, { mode: 0o600 });
  return [path, await writePage(report, { json: path, page: pageFor(path) })];
}

/**
 * Makes the page of a report again. Both paths absolute; without `output` it is
 * written beside the report. Throws OperatorErrors: `FILE_MISSING`,
 * `FILE_UNREADABLE`, `REPORT_INVALID`, `PAGE_NOT_WRITTEN`.
 */
export async function renderReport(options: {
  readonly path: string;
  readonly output: string | undefined;
}): Promise<{ readonly report: DrillReport; readonly page: string }> {
  const { path, output } = options;
  const bytes = await readInput(path, {
    shown: path,
    hint: `a drill leaves its report in the folder given by --reports, else in ${DRILL_REPORTS}`,
  });
  const parsed = parseReport(parseJson(new TextDecoder().decode(bytes)));
  if ("problem" in parsed) {
    throw new OperatorError(
      "usage",
      "REPORT_INVALID",
      `${path} is no report of a drill: ${parsed.problem}`,
      { hint: "give the .json file that ha drill wrote" },
    );
  }
  const page = output ?? pageFor(path);
  if (page === path) {
    throw new OperatorError(
      "usage",
      "PAGE_NOT_WRITTEN",
      `the page would replace the report ${path}`,
      {
        hint: "name another file with -o FILE",
      },
    );
  }
  return { report: parsed.report, page: await writePage(parsed.report, { json: path, page }) };
}

function pageFor(json: string): string {
  return `${json.replace(/\.json$/, "")}.html`;
}

async function writePage(
  report: DrillReport,
  { json, page }: { readonly json: string; readonly page: string },
): Promise<string> {
  // A link is only good as long as both lie side by side.
  const beside = dirname(json) === dirname(page) ? { json: basename(json) } : {};
  try {
    await writeFileAtomic(page, reportPage(report, beside), { mode: 0o600 });
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    throw new OperatorError("precondition", "PAGE_NOT_WRITTEN", `cannot write ${page}: ${code}`, {
      hint: "name another file with -o FILE",
      cause: error,
    });
  }
  return page;
}

const head = v.object({
  format: v.literal(REPORT_FORMAT),
  drill: v.string(),
  fileSha256: v.string(),
  toolVersion: v.string(),
  started: v.pipe(v.string(), v.isoTimestamp()),
  verdict: v.picklist(["passed", "failed", "aborted", "interrupted"]),
  reasons: v.array(v.string()),
  window: v.number(),
  unavailable: v.nullable(v.number()),
  restsOn: v.nullable(v.string()),
});
export type ReportHead = v.InferOutput<typeof head> & {
  readonly path: string;
  /** SHA-256 of the report's file. */
  readonly sha256: string;
};

/** What the gate needs of every report in a folder, newest first; files that are none are left out. */
export async function readReportHeads(folder: string): Promise<readonly ReportHead[]> {
  const found: ReportHead[] = [];
  for (const name of await namesIn(folder)) {
    if (!name.endsWith(".json")) continue;
    const path = `${folder}/${name}`;
    const text = (await readTextIfPresent(path)) ?? "";
    const parsed = v.safeParse(head, parseJson(text));
    if (parsed.success) found.push({ ...parsed.output, path, sha256: sha256Hex(text) });
  }
  return found.toSorted((left, right) => (left.started < right.started ? 1 : -1));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
