/** K3s's own HelmChart and HelmChartConfig objects with their values: how Traefik gets onto a server. */
import { OperatorError } from "../errors.ts";
import { isObject, listAll } from "../k3s/kubectl.ts";
import { chartValues } from "./helm-chart-values.ts";
import { nextObject } from "./helm-list.ts";
import { toYaml } from "./helm-yaml.ts";
import type { JsonObject } from "../k3s/kubectl.ts";
import type { Asset, AssetSource, Collector } from "./asset.ts";
import type { HelmOptions } from "./helm-releases.ts";

const API_VERSION = "helm.cattle.io/v1";
const KINDS = [
  { kind: "HelmChart", plural: "helmcharts" },
  { kind: "HelmChartConfig", plural: "helmchartconfigs" },
] as const;

type Kind = (typeof KINDS)[number];

/** What the API server or K3s's deploy controller wrote into the object: nothing that anyone applied. */
const SERVER_FIELDS = [
  "creationTimestamp",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "finalizers",
  "generation",
  "managedFields",
  "ownerReferences",
  "resourceVersion",
  "selfLink",
  "uid",
];
const CONTROLLER_KEY =
  /^(?:objectset\.rio\.cattle\.io\/|kubectl\.kubernetes\.io\/last-applied-configuration$)/u;
const SAFE =
  /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/u;

/**
 * One file for each object, fit for `kubectl apply -f`, and beside it
 * `…-values.yaml` when it has values. A cluster that does not know these kinds
 * (helm controller disabled) is a note, no gap.
 */
export function helmChartsAsset(options: Pick<HelmOptions, "kubectlTimeout"> = {}): Asset {
  return {
    name: "HelmCharts",
    async collect(source, collector) {
      const counts: string[] = [];
      for (const kind of KINDS) {
        const count = await collectKind(kind, source, { collector, ...options });
        counts.push(`${count} ${kind.kind}${count === 1 ? "" : "s"}`);
      }
      return counts.join(", ");
    },
  };
}

async function collectKind(
  kind: Kind,
  source: AssetSource,
  options: { readonly collector: Collector } & Pick<HelmOptions, "kubectlTimeout">,
): Promise<number> {
  const { collector } = options;
  const paths = new Set<string>();
  const objects = listAll(source.host, source.server, `/apis/${API_VERSION}/${kind.plural}`, {
    timeout: options.kubectlTimeout ?? 60_000,
  });
  let count = 0;
  for (;;) {
    const next = await nextObject(objects, source.host);
    if (next === undefined) return count;
    if (next instanceof OperatorError) {
      if (next.code === "API_NOT_FOUND") {
        source.note(`the cluster has no ${kind.kind}s: K3s's helm controller is disabled`);
      } else collector.gap(unreadable(kind, next));
      return count;
    }
    if (await addObject(kind, next, { source, collector, paths })) count += 1;
  }
}

async function addObject(
  { kind }: Kind,
  object: JsonObject,
  {
    source,
    collector,
    paths,
  }: { readonly source: AssetSource; readonly collector: Collector; readonly paths: Set<string> },
): Promise<boolean> {
  const applied = asApplied(object, kind);
  const { namespace, name } = applied.metadata;
  const where = `${kind} ${String(namespace)}/${String(name)}`;
  if (typeof namespace !== "string" || typeof name !== "string" || !isSafe(namespace, name)) {
    collector.gap({
      code: "HELM_CHART_NAME",
      message: `left out, its name is none that Kubernetes allows: ${JSON.stringify(where).slice(0, 300)}`,
    });
    return false;
  }
  const stem = `helm-charts/${namespace}/${kind.toLowerCase()}-${name}`;
  const path = freePath(paths, `${stem}.yaml`);
  await collector.add({ path, kind: "helm-chart" }, toYaml(applied));
  const spec = object["spec"];
  const values = chartValues(isObject(spec) ? spec : {});
  if (values.yaml !== undefined) {
    const valuesPath = freePath(paths, `${stem}-values.yaml`);
    await collector.add({ path: valuesPath, kind: "helm-chart" }, values.yaml);
  }
  for (const what of values.leftOut) {
    source.note(`${where}: ${what} is in ${path} only, not in the values file`);
  }
  return true;
}

/** Charts `a` and `a-values` would meet in one file; `_` is in nobody's name. */
function freePath(paths: Set<string>, wanted: string): string {
  const path = paths.has(wanted) ? wanted.replace(/\.yaml$/u, "_.yaml") : wanted;
  paths.add(path);
  return path;
}

function isSafe(namespace: string, name: string): boolean {
  return SAFE.test(namespace) && !namespace.includes(".") && SAFE.test(name);
}

/** The object without what the server and K3s's controllers put into it. */
function asApplied(object: JsonObject, kind: string): JsonObject & { metadata: JsonObject } {
  const { status: _status, ...rest } = object;
  const given = isObject(rest["metadata"]) ? rest["metadata"] : {};
  const metadata: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    if (SERVER_FIELDS.includes(key)) continue;
    const isKeyed = (key === "annotations" || key === "labels") && isObject(value);
    const kept = isKeyed ? withoutControllerKeys(value) : value;
    if (kept !== undefined) metadata[key] = kept;
  }
  return { ...rest, apiVersion: API_VERSION, kind, metadata };
}

function withoutControllerKeys(table: JsonObject): JsonObject | undefined {
  const kept = Object.entries(table).filter(([key]) => !CONTROLLER_KEY.test(key));
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}

function unreadable({ kind }: Kind, error: OperatorError): Parameters<Collector["gap"]>[0] {
  return {
    code: "HELM_CHARTS_UNREADABLE",
    message: `the ${kind}s could not be read to the end: ${error.message}`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}
