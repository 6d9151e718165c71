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
import type { Component } from "../ha/components.ts";
import type { Judgement } from "../ha/gate.ts";
import type { Pass } from "../ha/passes.ts";
import type { Context } from "./context.ts";
import type { ReportHead } from "./ha-reports.ts";

export { COMPONENTS_FILE } from "../ha/components.ts";

export interface StatusOptions {
  /** `ha/components.yaml`, absolute. */
  readonly componentsFile: string;
  /** Folder of drill reports; there need not be one. */
  readonly reports: string;
  /** Write passes from the reports first. */
  readonly record: boolean;
  readonly workingDirectory: string;
}

export interface ComponentStatus extends Judgement {
  readonly component: string;
  /** Name of the drill. */
  readonly drill: string;
  /** The drill file as a person would write it here. */
  readonly drillFile: string;
  readonly chart: string | null;
  readonly pass: Pass | undefined;
}

export interface StatusResult {
  readonly components: readonly ComponentStatus[];
  /** Where passes are recorded. */
  readonly passesFile: string;
  /** Components whose pass was written by this run. */
  readonly recorded: readonly string[];
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
  /** Newest run of its drill for which there is a report. */
  readonly lastRun: ReportHead | undefined;
}

/**
 * Judges each component. Findings are a result, not an error. Throws
 * OperatorErrors: `FILE_MISSING`, `COMPONENTS_INVALID`, `PASSES_INVALID`,
 * `DRILL_INVALID`, those of `parseReleases`, and when recording `PASSES_NOT_WRITTEN`.
 */
export async function haStatus(context: Context, options: StatusOptions): Promise<StatusResult> {
  const { componentsFile, workingDirectory } = options;
  const passesFile = join(dirname(componentsFile), "passes.yaml");
  const components = await readComponents(options);
  const text = await readTextIfPresent(passesFile);
  const before: ReadonlyMap<string, Pass> =
    text === undefined ? new Map() : parsePasses(text, passesFile);
  const passes = options.record
    ? await recordPasses(context, { components, before, passesFile, componentsFile })
    : before;
  return {
    passesFile,
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

async function readComponents(options: StatusOptions): Promise<readonly ReadComponent[]> {
  const { componentsFile, workingDirectory, reports } = options;
  const bytes = await readInput(componentsFile, {
    shown: shortPath(componentsFile, workingDirectory),
    hint: "list the components and their drills there, or name the list with --file (docs/ha.md)",
  });
  const components = parseComponents(new TextDecoder().decode(bytes), componentsFile);
  const heads = await readReportHeads(reports);
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
      lastRun: heads.find(({ drill, verdict }) => drill === file.drill.name && isProof(verdict)),
    });
  }
  return read;
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
