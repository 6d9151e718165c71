/** What one helm release becomes in the archive, below `helm/<namespace>/<name>/`. */
import { computedValues } from "./helm-values.ts";
import { toYaml } from "./helm-yaml.ts";
import type { HelmRelease } from "../archive/manifest.ts";
import type { ChartFacts, ReleaseRecord } from "./helm-record.ts";
import type { Driver } from "./helm-record-object.ts";
import type { Collector } from "./asset.ts";

/** One line of `history.json`. */
export interface RevisionFacts {
  readonly revision: number;
  readonly status: string;
  /** `name-version`, as `helm history` shows it; absent for a record that cannot be decoded. */
  readonly chart?: string;
  readonly appVersion?: string;
  readonly description?: string;
  readonly firstDeployed?: string;
  readonly lastDeployed?: string;
  readonly deleted?: string;
  /** False for a record that is saved but cannot be decoded. */
  readonly readable: boolean;
}

/** A release while its revisions are being read. */
export interface Release {
  /** Folder in the archive, without a slash at its end. */
  readonly folder: string;
  readonly driver: Driver;
  readonly namespace: string;
  readonly name: string;
  readonly revisions: RevisionFacts[];
  /** The newest revision that could be decoded, under the number its object has. */
  latest: { readonly revision: number; readonly record: ReleaseRecord } | undefined;
}

/** `name-version`, or `MISSING`, as helm prints charts. */
export function chartLabel(chart: ChartFacts): string {
  return chart.name === "MISSING" ? chart.name : `${chart.name}-${chart.version}`;
}

export function revisionFacts(revision: number, record: ReleaseRecord): RevisionFacts {
  return {
    revision,
    status: record.status,
    chart: chartLabel(record.chart),
    ...(record.chart.appVersion === undefined ? {} : { appVersion: record.chart.appVersion }),
    ...(record.description === undefined ? {} : { description: record.description }),
    ...(record.firstDeployed === undefined ? {} : { firstDeployed: record.firstDeployed }),
    ...(record.lastDeployed === undefined ? {} : { lastDeployed: record.lastDeployed }),
    ...(record.deleted === undefined ? {} : { deleted: record.deleted }),
    readable: true,
  };
}

/** Hands over everything of a release but the raw records, which went before. */
export async function addRelease(release: Release, collector: Collector): Promise<void> {
  const add = (name: string, content: string): Promise<void> =>
    collector.add({ path: `${release.folder}/${name}`, kind: "helm" }, content);
  const history = release.revisions.toSorted((a, b) => a.revision - b.revision);
  await add("history.json", json(history));
  if (release.latest === undefined) return;
  const { revision, record } = release.latest;
  // Nothing supplied is `null` in helm's own output too, and an empty file for `helm -f`.
  await add("values.yaml", toYaml(record.config ?? null));
  await add("values-all.yaml", toYaml(computedValues(record.chartValues, record.config)));
  await add("chart.json", json(chartJson(release, { revision, record })));
  await add("manifest.yaml", record.manifest);
  if (record.hooks.length > 0) await add("hooks.yaml", hooksYaml(record));
  collector.addRelease(manifestLine(release, { revision, record }));
}

function chartJson(
  release: Release,
  { revision, record }: { readonly revision: number; readonly record: ReleaseRecord },
): unknown {
  const { name, version, appVersion, metadata } = record.chart;
  return {
    name,
    version,
    ...(appVersion === undefined ? {} : { appVersion }),
    ...metadata,
    release: {
      namespace: release.namespace,
      name: release.name,
      revision,
      status: record.status,
      driver: release.driver.toLowerCase(),
    },
  };
}

/** As `helm get hooks` prints them. */
function hooksYaml(record: ReleaseRecord): string {
  return record.hooks.map((hook) => `---\n# Source: ${hook.path}\n${hook.manifest}\n`).join("");
}

function manifestLine(
  release: Release,
  { revision, record }: { readonly revision: number; readonly record: ReleaseRecord },
): HelmRelease {
  const { name, version, appVersion } = record.chart;
  return {
    namespace: release.namespace,
    name: release.name,
    revision,
    status: record.status,
    chart: name,
    chartVersion: version,
    ...(appVersion === undefined ? {} : { appVersion }),
  };
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
