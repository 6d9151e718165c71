/** What runs, for `ha status`: the chart of each component's release in the cluster, where one can be asked. */
import { OperatorError } from "../errors.ts";
import { clusterHere } from "./ha-cluster.ts";
import { liveReleases } from "./ha-live.ts";
import type { LiveChart } from "../ha/gate.ts";
import type { ReleaseName } from "../ha/releases-file.ts";
import type { Context } from "./context.ts";

/** `ifHere`: where this host has a cluster; trouble with it is a warning then. `must`: trouble is an error. */
export type AskCluster = "ifHere" | "must" | "never";

export interface LiveCharts {
  /** For people: `the cluster of s1`. */
  readonly label: string;
  /** Undefined for a release that was not asked for. */
  chartOf(release: ReleaseName): LiveChart | undefined;
}

/**
 * The charts of these releases as they run. Undefined: no cluster was asked. With
 * `must` throws the OperatorErrors of `liveReleases`, and `NOTHING_TO_COMPARE`.
 */
export async function liveCharts(
  context: Context,
  options: {
    readonly ask: AskCluster;
    readonly dataDir: string | undefined;
    readonly releases: readonly ReleaseName[];
  },
): Promise<LiveCharts | undefined> {
  const { ask, dataDir, releases } = options;
  if (ask === "never") return undefined;
  if (releases.length === 0) {
    if (ask === "ifHere") return undefined;
    throw new OperatorError(
      "precondition",
      "NOTHING_TO_COMPARE",
      "no component of the list names its release, so there is nothing to look for in the cluster",
      { hint: "add to the component: release: NAMESPACE/NAME" },
    );
  }
  if (ask === "ifHere" && (await clusterHere(context, { dataDir })) === undefined) return undefined;
  try {
    return await askFor(context, dataDir, releases);
  } catch (error) {
    if (!(error instanceof OperatorError) || context.host.signal.aborted) throw error;
    if (ask === "must") throw withoutCluster(error);
    context.talk({
      type: "warning",
      code: "CLUSTER_NOT_ASKED",
      message: `the cluster of this host was not asked which charts run: ${error.message}`,
      hint: "judged by the files alone; to make this an error: --live, to have it without a warning: --offline",
    });
    return undefined;
  }
}

async function askFor(
  context: Context,
  dataDir: string | undefined,
  releases: readonly ReleaseName[],
): Promise<LiveCharts> {
  await using source = await liveReleases(context, dataDir);
  const found = new Map<string, LiveChart>();
  for (const release of releases) {
    const chart = (await source.release(release))?.chart;
    found.set(keyOf(release), {
      where: source.label,
      release: keyOf(release),
      chart: chart === undefined ? null : `${chart.name}@${chart.version}`,
    });
  }
  return { label: source.label, chartOf: (release) => found.get(keyOf(release)) };
}

function keyOf({ namespace, name }: ReleaseName): string {
  return `${namespace}/${name}`;
}

function withoutCluster(error: OperatorError): OperatorError {
  if (error.code !== "NO_K3S") return error;
  return new OperatorError(error.exit, error.code, error.message, {
    hint: "run it on a server, or leave out --live to judge by the files alone",
    cause: error,
  });
}
