/** `railiance-cluster ha status` */
import { resolve } from "node:path";
import { millisecondsText } from "../../app/ha-reports.ts";
import { COMPONENTS_FILE, haStatus } from "../../app/ha-status.ts";
import { DRILL_REPORTS } from "../../app/places.ts";
import { count } from "../../words.ts";
import { COMMON_FLAGS, DATA_DIR, pathOf } from "../args.ts";
import { usage } from "../argv.ts";
import { formatTime, table, wrap } from "../format.ts";
import { HA } from "./group.ts";
import { COMPONENTS_SAMPLE } from "./samples.ts";
import type { ExitName } from "../../errors.ts";
import type { ComponentStatus, StatusOptions, StatusResult } from "../../app/ha-status.ts";
import type { Command, Input } from "../command.ts";

export const haStatusCommand: Command = {
  name: "ha status",
  group: HA,
  summary: "say which components are proven by a drill, and which no longer are",
  about:
    "Lists the components of ha/components.yaml with their last pass: when, at which commit, with which chart, and how long the service was away. A component counts as proven while its drill file, its chart and its values files are those of the pass; on a K3s server the cluster is asked too, and has to run the chart of the pass. Only passes of a live cluster are recorded, none that rests on the lab or on processes. Passes stand in ha/passes.yaml beside the list, so that a clean clone can be judged; --record takes them over from the reports of drills on this machine. With --strict it is the gate for calling work done: exit 12 when a component has no pass or its last drill failed, 11 when something moved since its pass or the pass is too old.",
  flags: [
    {
      name: "strict",
      kind: "boolean",
      help: "fail unless every component is proven (exit 12 or 11)",
    },
    {
      name: "record",
      kind: "boolean",
      help: "write newer passes from the reports into passes.yaml beside the list",
    },
    {
      name: "file",
      kind: "text",
      value: "FILE",
      help: `list of components and their drills (default ${COMPONENTS_FILE})`,
    },
    {
      name: "reports",
      kind: "text",
      value: "FOLDER",
      help: `folder with the reports of drills (default ${DRILL_REPORTS})`,
    },
    {
      name: "live",
      kind: "boolean",
      help: "fail where the cluster cannot be asked which charts run (default: ask where one is)",
    },
    { name: "offline", kind: "boolean", help: "do not ask the cluster, judge by the files alone" },
    DATA_DIR,
    ...COMMON_FLAGS,
  ],
  positionals: [],
  examples: [
    { does: "what is proven", run: "ha status" },
    { does: "the gate, in CI or before calling work done", run: "ha status --strict" },
    { does: "the gate on a server, never without the cluster", run: "ha status --strict --live" },
    { does: "after a drill, then commit ha/passes.yaml", run: "ha status --record" },
  ],
  samples: [COMPONENTS_SAMPLE],
  exits: ["drift", "drillFailed", "precondition", "notFound"],
  keepsResult: true,
  async run(input, context) {
    const { workingDirectory } = context;
    const result = await haStatus(context, {
      componentsFile: pathOf(input, "file", context) ?? resolve(workingDirectory, COMPONENTS_FILE),
      reports: pathOf(input, "reports", context) ?? DRILL_REPORTS,
      record: input.has("record"),
      ask: askOf(input),
      dataDir: pathOf(input, "data-dir", context),
      workingDirectory,
    });
    return {
      exit: input.has("strict") ? exitOf(result.components) : "ok",
      lines: linesOf(result),
      fields: fieldsOf(result),
    };
  },
};

function askOf(input: Input): StatusOptions["ask"] {
  if (!input.has("live")) return input.has("offline") ? "never" : "ifHere";
  if (input.has("offline"))
    throw usage("ha status takes either --live or --offline", { name: "ha status" });
  return "must";
}

/** Not proven at all weighs more than proven once. */
function exitOf(components: readonly ComponentStatus[]): ExitName {
  const states = components.map(({ state }) => state);
  if (states.some((state) => state === "never" || state === "failed")) return "drillFailed";
  return states.every((state) => state === "proven") ? "ok" : "drift";
}

function linesOf({ components, recorded, passesFile, cluster }: StatusResult): string[] {
  const rows = components.map(({ component, state, chart, pass }) => [
    component,
    state,
    pass === undefined ? "–" : formatTime(pass.date),
    pass === undefined ? "–" : commitText(pass),
    pass?.chart ?? chart ?? "–",
    pass === undefined
      ? "–"
      : `away ${millisecondsText(pass.gap)} of ${millisecondsText(pass.window)}`,
  ]);
  const lines = table([["component", "state", "last pass", "commit", "chart", "gap"], ...rows]);
  const open = components.filter(({ state }) => state !== "proven");
  for (const { component, why, state, drillFile } of open) {
    lines.push(`${component}: ${why.join("; ")}`, ...wrap(hintFor(state, drillFile), 100, 4));
  }
  if (recorded.length > 0) lines.push(`recorded ${recorded.join(", ")} in ${passesFile}`);
  lines.push(comparedText(components, cluster));
  lines.push(
    `${components.length - open.length} of ${count(components.length, "component")} proven`,
  );
  return lines;
}

function comparedText(components: readonly ComponentStatus[], cluster: string | undefined): string {
  if (cluster === undefined) return "no cluster was asked: charts are those of the files";
  const without = components.flatMap(({ live, component }) =>
    live === undefined ? component : [],
  );
  const but = without.length === 0 ? "" : `; not of ${without.join(", ")}, without a release`;
  return `charts compared with ${cluster}${but}`;
}

function commitText({
  commit,
  uncommitted,
}: {
  commit: string | null;
  uncommitted: boolean;
}): string {
  if (commit === null) return "–";
  return `${commit.slice(0, 10)}${uncommitted ? "+changes" : ""}`;
}

function hintFor(state: ComponentStatus["state"], drillFile: string): string {
  const again = `railiance-cluster ha drill ${drillFile}, then railiance-cluster ha status --record`;
  return state === "failed" ? `mend it, then ${again}` : again;
}

function fieldsOf(result: StatusResult): Record<string, unknown> {
  const { components, recorded, passesFile, cluster } = result;
  return {
    passes_file: passesFile,
    cluster: cluster ?? null,
    recorded,
    components: components.map(
      ({ component, drill, drillFile, state, why, chart, live, pass }) => ({
        component,
        drill,
        drill_file: drillFile,
        state,
        why,
        chart,
        ...(live === undefined ? {} : { live_chart: live.chart }),
        last_pass:
          pass === undefined
            ? null
            : {
                date: pass.date,
                commit: pass.commit,
                uncommitted: pass.uncommitted,
                chart: pass.chart,
                unavailable_ms: pass.gap,
                window_ms: pass.window,
                report_sha256: pass.reportSha256,
              },
      }),
    ),
  };
}
