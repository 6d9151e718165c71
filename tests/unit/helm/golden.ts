/** What make-golden.sh wrote down of a real helm and a real API server. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as v from "valibot";

const table = v.custom<Record<string, unknown>>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
);
const ObjectList = v.object({ items: v.array(table) });

const Cluster = v.object({
  secrets: ObjectList,
  configMaps: ObjectList,
  helm: v.object({
    /** `helm list -A -o json`. */
    list: v.array(
      v.object({
        name: v.string(),
        namespace: v.string(),
        revision: v.string(),
        status: v.string(),
        chart: v.string(),
        app_version: v.string(),
      }),
    ),
    releases: v.array(
      v.object({
        namespace: v.string(),
        name: v.string(),
        values: v.nullable(table),
        all: table,
        manifest: v.string(),
        hooks: v.string(),
        history: v.array(v.object({ revision: v.number(), status: v.string(), chart: v.string() })),
      }),
    ),
  }),
});

const RandomCases = v.array(
  v.object({ defaults: table, user: table, yaml: v.string(), all: table }),
);

/** Records of a small cluster as the API server gave them, and what helm said of its releases. */
export const cluster = v.parse(Cluster, load("cluster.json.gz"));

/** Random charts and user values, our YAML of the latter, which helm read right, and what helm computed. */
export const randomCases = v.parse(RandomCases, load("random-values.json.gz"));

function load(name: string): unknown {
  const path = join(import.meta.dirname, "../../testdata/helm", name);
  return JSON.parse(new TextDecoder().decode(gunzipSync(readFileSync(path))));
}

/** JSON text with sorted keys, to compare tables that have odd keys and no prototype. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "undefined";
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const members = entries.map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`);
  return `{${members.join(",")}}`;
}
