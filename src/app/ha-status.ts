/** `ha status`: is every component proven, by a drill that passed and by nothing that moved since? */
import { dirname, join } from "node:path";
import { parseComponents } from "../ha/components.ts";
import { readDrillFile } from "../ha/drill/read-file.ts";
import { judge } from "../ha/gate.ts";
import { parsePasses } from "../ha/passes.ts";
import { readTextIfPresent, statOf } from "../sys/files.ts";
import { sha256Hex } from "../sys/hash.ts";
import { readInput, readReleases, shortPath } from "./ha-values.ts";
import { recordPasses } from "./ha-record.ts";
import { readReportHeads } from "./ha-reports.ts";
import { liveCharts } from "./ha-status-live.ts";
import type { Component } from "../ha/components.ts";
import type { Judgement, LiveChart } from "../ha/gate.ts";
import type { Pass } from "../ha/passes.ts";
import type { Context } from "./context.ts";
import type { ReportHead } from "./ha-reports.ts";
import type { AskCluster, LiveCharts } from "./ha-status-live.ts";

export { COMPONENTS_FILE } from "../ha/components.ts";

export interface StatusOptions {
  /** `ha/components.yaml`, absolute. */
  readonly componentsFile: string;
  /** Folder of drill reports; there need not be one. */
  readonly reports: string;
  /** Write passes from the reports first. */
  readonly record: boolean;
  /** Whether the cluster is asked which charts run. */
  readonly ask: AskCluster;
  readonly dataDir: string | undefined;
  readonly workingDirectory: string;
}

export interface ComponentStatus extends Judgement {
  readonly component: string;
  /** Name of the drill. */
  readonly drill: string;
  /** The drill file as a person would write it here. */
  readonly drillFile: string;
  readonly chart: string | null;
  /** Undefined: no cluster was asked, or the component names no release. */
  readonly live: LiveChart | undefined;
  readonly pass: Pass | undefined;
}

export interface StatusResult {
  readonly components: readonly ComponentStatus[];
  /** Where passes are recorded. */
  readonly passesFile: string;
  /** Components whose pass was written by this run. */
  readonly recorded: readonly string[];
  /** The cluster that was asked, for people; undefined: none was. */
  readonly cluster: string | undefined;
}

/** A component with everything its proof hangs on, read from the files. */
export interface ReadComponent {
  readonly component: Component;
  readonly drill: string;
  readonly drillSha256: string;
  /** `name@version` or null. */
  readonly chart: string | null;
  /** The file in which chart and values are named. */
  readonly pinnedIn: string;
  /** Absolute. */
  readonly valuesFiles: readonly string[];
  readonly values: readonly Uint8Array[];
  /** Undefined: no cluster was asked, or the component names no release. */
  readonly live: LiveChart | undefined;
  /** Newest run of its drill against a live cluster for which there is a report, else newest of all. */
  readonly lastRun: ReportHead | undefined;
}

/**
 * Judges each component. Findings are a result, not an error. Throws
 * OperatorErrors: `FILE_MISSING`, `COMPONENTS_INVALID`, `PASSES_INVALID`,
 * `DRILL_INVALID`, those of `parseReleases` and `liveCharts`, and when recording `PASSES_NOT_WRITTEN`.
 */
export async function haStatus(context: Context, options: StatusOptions): Promise<StatusResult> {
  const { componentsFile, workingDirectory } = options;
  const passesFile = join(dirname(componentsFile), "passes.yaml");
  const { components, live } = await readComponents(context, options);
  const text = await readTextIfPresent(passesFile);
  const before: ReadonlyMap<string, Pass> =
    text === undefined ? new Map() : parsePasses(text, passesFile);
  const passes = options.record
    ? await recordPasses(context, { components, before, passesFile, componentsFile })
    : before;
  return {
    passesFile,
    cluster: live?.label,
    recorded: components
      .map(({ component }) => component.name)
      .filter((name) => passes.get(name) !== before.get(name)),
    components: components.map((one): ComponentStatus => {
      const pass = passes.get(one.component.name);
      return {
        component: one.component.name,
        drill: one.drill,
        drillFile: shortPath(one.component.drill, workingDirectory),
        chart: one.chart,
        live: one.live,
        pass,
        ...judge({
          now: context.host.now(),
          pass,
          lastRun: one.lastRun,
          current: { ...one, maxAgeDays: one.component.maxAgeDays },
        }),
      };
    }),
  };
}

async function readComponents(
  context: Context,
  options: StatusOptions,
): Promise<{
  readonly components: readonly ReadComponent[];
  readonly live: LiveCharts | undefined;
}> {
  const { componentsFile, workingDirectory, reports } = options;
  const bytes = await readInput(componentsFile, {
    shown: shortPath(componentsFile, workingDirectory),
    hint: "list the components and their drills there (railiance-cluster ha status --help), or name the list with --file",
  });
  const components = parseComponents(new TextDecoder().decode(bytes), componentsFile);
  const heads = await readReportHeads(reports);
  const live = await liveCharts(context, {
    ...options,
    releases: components.flatMap(({ release }) => release ?? []),
  });
  const read: ReadComponent[] = [];
  for (const component of components) {
    const file = await readDrillFile(component.drill);
    const pins = await pinsOf(component, options);
    const values: Uint8Array[] = [];
    for (const path of pins.valuesFiles) {
      values.push(await readInput(path, { shown: shortPath(path, workingDirectory) }));
    }
    read.push({
      component,
      drill: file.drill.name,
      drillSha256: sha256Hex(file.text),
      ...pins,
      values,
      live: component.release === undefined ? undefined : live?.chartOf(component.release),
      lastRun: lastRunOf(file.drill.name, heads),
    });
  }
  return { components: read, live };
}

/** What ran on a stand-in only counts where nothing else did: it must not hide a pass of the live cluster. */
function lastRunOf(name: string, heads: readonly ReportHead[]): ReportHead | undefined {
  const runs = heads.filter(({ drill, verdict }) => drill === name && isProof(verdict));
  return runs.find(({ restsOn }) => restsOn === null) ?? runs[0];
}

/** A run that was cut off says nothing either way. */
function isProof(verdict: ReportHead["verdict"]): boolean {
  return verdict === "passed" || verdict === "failed";
}

/** Chart and values: given with the component, else by the release in `releases.yaml` beside it. */
async function pinsOf(
  component: Component,
  { componentsFile, workingDirectory }: StatusOptions,
): Promise<Pick<ReadComponent, "chart" | "valuesFiles" | "pinnedIn">> {
  const { release, chart, values } = component;
  const list = join(dirname(componentsFile), "releases.yaml");
  const needed = release !== undefined && (chart === undefined || values === undefined);
  const declared =
    needed && (await statOf(list)) !== undefined
      ? (await readReleases(list, workingDirectory)).find(
          ({ namespace, name }) => namespace === release.namespace && name === release.name,
        )
      : undefined;
  const pin = chart ?? declared?.chart;
  return {
    chart: pin === undefined ? null : `${pin.name}@${pin.version}`,
    valuesFiles: values ?? declared?.values ?? [],
    pinnedIn: chart === undefined && declared !== undefined ? list : componentsFile,
  };
}
