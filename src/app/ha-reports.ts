/** Where reports of drills are kept, and reading them again. */
import * as v from "valibot";
import { REPORT_FORMAT } from "../ha/drill/report.ts";
import { writeFileAtomic } from "../sys/atomic.ts";
import { namesIn, readTextIfPresent } from "../sys/files.ts";
import { ensureFolder } from "../sys/remove.ts";
import type { DrillReport } from "../ha/drill/report.ts";

/** Writes `<drill>_<started>.json`; gives the paths of what was written. */
export async function keepReport(report: DrillReport, folder: string): Promise<readonly string[]> {
  await ensureFolder(folder);
  const stamp = report.started.replace(/[-:]/g, "");
  const path = `${folder}/${report.drill}_${stamp}.json`;
  await writeFileAtomic(path, `${JSON.stringify(report, undefined, 2)}\n`, { mode: 0o600 });
  return [path];
}

const head = v.object({
  format: v.literal(REPORT_FORMAT),
  drill: v.string(),
  fileSha256: v.string(),
  started: v.string(),
  verdict: v.picklist(["passed", "failed", "aborted", "interrupted"]),
  unavailable: v.nullable(v.number()),
});
export type ReportHead = v.InferOutput<typeof head> & { readonly path: string };

/** What the gate needs of every report in a folder, newest first; files that are none are left out. */
export async function readReportHeads(folder: string): Promise<readonly ReportHead[]> {
  const found: ReportHead[] = [];
  for (const name of await namesIn(folder)) {
    if (!name.endsWith(".json")) continue;
    const path = `${folder}/${name}`;
    const parsed = v.safeParse(head, parseJson((await readTextIfPresent(path)) ?? ""));
    if (parsed.success) found.push({ ...parsed.output, path });
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
