/** `railiance-cluster ha report` */
import { resolve } from "node:path";
import { renderReport } from "../../app/ha-reports.ts";
import { COMMON_FLAGS, pathOf } from "../args.ts";
import { timelineLine } from "./drill-lines.ts";
import { HA } from "./group.ts";
import type { Command } from "../command.ts";

export const haReportCommand: Command = {
  name: "ha report",
  group: HA,
  summary: "make the page of a drill again from its report",
  about:
    "Writes the page of a drill from the JSON report that the drill left: availability over time, the kill, the gap, lost writes, every check. The page is one file without script and without anything from elsewhere; it opens in any browser, also years later and without a network. A drill writes its page by itself; this is for reports that were carried elsewhere, and for pages as a newer version draws them. Nothing is run and no cluster is asked.",
  flags: [
    {
      name: "output",
      short: "o",
      kind: "text",
      value: "FILE",
      help: "where to write the page (default: beside the report, ending in .html)",
    },
    ...COMMON_FLAGS,
  ],
  positionals: [{ name: "REPORT", help: "the .json file that a drill wrote", count: "required" }],
  examples: [
    {
      does: "beside the report",
      run: "ha report /var/lib/railiance/cluster/drills/postgres-primary-kill_20261123T192753Z.json",
    },
    {
      does: "elsewhere",
      run: "ha report postgres-primary-kill_20261123T192753Z.json -o /srv/www/drill.html",
    },
  ],
  exits: ["precondition", "notFound"],
  keepsResult: false,
  async run(input, context) {
    const [given = ""] = input.positionals;
    const path = resolve(context.workingDirectory, given);
    const { report, page } = await renderReport({ path, output: pathOf(input, "output", context) });
    // A note stands two characters in.
    context.talk({ type: "note", text: timelineLine(report, context.columns - 2) });
    return {
      exit: "ok",
      lines: [page],
      fields: { report: path, page, drill: report.drill, verdict: report.verdict },
    };
  },
};
