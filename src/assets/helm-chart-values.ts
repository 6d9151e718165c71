/**
 * The values of a HelmChart or HelmChartConfig, put together as K3s's helm
 * controller passes them on: `valuesContent`, then `values`, then `set` as
 * `--set` and `--set-string` (k3s-io/helm-controller pkg/controllers/chart/chart.go).
 */
import { parse } from "yaml";
import { isObject } from "../k3s/kubectl.ts";
import { toYaml } from "./helm-yaml.ts";
import type { JsonObject } from "../k3s/kubectl.ts";

type Table = Record<string, unknown>;

export interface ChartValues {
  /** A values file for `helm -f`; undefined when the object has no values. */
  readonly yaml: string | undefined;
  /** What could not be put into it, in words without any value. */
  readonly leftOut: readonly string[];
}

/** Values from the `spec` of a HelmChart or HelmChartConfig. Never throws on odd input: see `leftOut`. */
export function chartValues(spec: JsonObject): ChartValues {
  const content = typeof spec["valuesContent"] === "string" ? spec["valuesContent"] : "";
  const values = isObject(spec["values"]) ? spec["values"] : {};
  const set = isObject(spec["set"]) ? spec["set"] : {};
  const isEmpty = Object.keys(values).length === 0 && Object.keys(set).length === 0;
  // Alone it stays as the operator wrote it, comments and all.
  if (isEmpty) return { yaml: content === "" ? undefined : content, leftOut: [] };
  const parsed = parseContent(content);
  if (parsed === undefined) {
    return { yaml: content, leftOut: ["spec.values and spec.set (valuesContent is no YAML map)"] };
  }
  const merged = mergeTables(parsed, values);
  const leftOut: string[] = [];
  for (const key of Object.keys(set).sort()) {
    const path = pathOf(key);
    const value = setValue(set[key]);
    const done =
      path !== undefined && value !== undefined && setAt(merged, { path, value: value.value });
    if (!done) leftOut.push(`spec.set key ${JSON.stringify(key)}`);
  }
  return { yaml: toYaml(merged), leftOut };
}

/** Read as helm reads it: YAML 1.1, but dates and times of day stay text (go-yaml v2). */
function parseContent(content: string): Table | undefined {
  let parsed: unknown;
  try {
    parsed = parse(content, {
      version: "1.1",
      logLevel: "error",
      customTags: (tags) =>
        tags.filter((tag) => {
          const isTime = typeof tag !== "string" && "format" in tag && tag.format === "TIME";
          return !isTime && (typeof tag === "string" || !tag.tag.endsWith(":timestamp"));
        }),
    });
  } catch {
    return undefined;
  }
  if (parsed === null || parsed === undefined) return { __proto__: null };
  return isObject(parsed) ? mergeTables({}, parsed) : undefined;
}

/** A new table with the second's keys winning; tables inside are merged. */
function mergeTables(base: JsonObject, over: JsonObject): Table {
  const merged: Table = { __proto__: null };
  for (const [key, value] of [...Object.entries(base), ...Object.entries(over)]) {
    const before = merged[key];
    merged[key] = isObject(value) ? mergeTables(isObject(before) ? before : {}, value) : value;
  }
  return merged;
}

/** `a.b\.c[0]` as ["a", "b.c", 0]; undefined for what helm would take as more than one key. */
function pathOf(key: string): (string | number)[] | undefined {
  const path: (string | number)[] = [];
  const step = /(?<name>(?:\\.|[^\\.[\]=,{}])+)(?<indexes>(?:\[[0-9]{1,5}\])*)(?<end>\.|$)/suy;
  while (step.lastIndex < key.length) {
    const groups = step.exec(key)?.groups;
    if (groups === undefined) return undefined;
    path.push((groups["name"] ?? "").replaceAll(/\\(.)/gsu, "$1"));
    for (const index of (groups["indexes"] ?? "").matchAll(/[0-9]+/gu)) path.push(Number(index[0]));
  }
  return key === "" || key.endsWith(".") ? undefined : path;
}

/** The typed value, or undefined where `--set-string` would make a list of it. */
function setValue(value: unknown): { readonly value: unknown } | undefined {
  if (typeof value === "number") return { value };
  if (typeof value !== "string" || value.startsWith("{")) return undefined;
  const word = value.toLowerCase();
  if (word === "true" || word === "false") return { value: word === "true" };
  if (word === "null") return { value: null };
  // The controller escapes bare commas, then helm takes every backslash as an escape.
  const escaped = value.replaceAll(/\\*,/gu, (match) =>
    match.length % 2 === 1 ? `\\${match}` : match,
  );
  return { value: escaped.replaceAll(/\\(.)/gsu, "$1") };
}

/** Sets a value, making tables and lists on the way; false when something else is in the way. */
function setAt(
  root: Table,
  { path, value }: { readonly path: readonly (string | number)[]; readonly value: unknown },
): boolean {
  let here: unknown = root;
  for (const [position, step] of path.entries()) {
    const isLast = position === path.length - 1;
    const fresh: unknown = typeof path[position + 1] === "number" ? [] : { __proto__: null };
    if (typeof step === "number" && Array.isArray(here)) {
      const list: unknown[] = here;
      while (list.length <= step) list.push(null);
      list[step] = isLast ? value : (list[step] ?? fresh);
      here = list[step];
    } else if (typeof step === "string" && isTable(here)) {
      here[step] = isLast ? value : (here[step] ?? fresh);
      here = here[step];
    } else return false;
  }
  return true;
}

function isTable(value: unknown): value is Table {
  return isObject(value);
}
