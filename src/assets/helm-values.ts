/**
 * The values a release runs with, as `helm get values --all` computes them
 * (helm v4.3.1 pkg/chart/common/util/coalesce.go). A stored record has no
 * subcharts any more (their list is not part of its JSON), so only the chart's
 * own values count; helm put the subcharts' defaults, aliases, `global` and
 * import-values into those before it stored them.
 */
import { isObject } from "../k3s/kubectl.ts";
import type { JsonObject } from "../k3s/kubectl.ts";

/** Without a prototype, so that a key `__proto__` is a key like any other. */
type Table = Record<string, unknown>;

/**
 * Merges a chart's default values with the user's, whose win: tables are
 * merged, scalars and lists replaced, and a user's null removes a default.
 * Neither argument is changed.
 */
export function computedValues(chartValues: JsonObject, userValues: JsonObject = {}): JsonObject {
  const result = copyTable(userValues);
  for (const [key, value] of Object.entries(withoutNulls(chartValues))) {
    mergeKey(result, { key, value });
  }
  // At the top a user's null goes even when the default is null too; further down helm keeps it.
  for (const [key, value] of Object.entries(chartValues)) {
    if (value === null && result[key] === null) delete result[key];
  }
  return result;
}

/** Merges one default, which is not null, into values that win over it. */
function mergeKey(
  values: Table,
  fallback: { readonly key: string; readonly value: unknown },
): void {
  const { key, value } = fallback;
  const winner = values[key];
  if (winner === undefined) values[key] = value;
  else if (winner === null) delete values[key];
  else if (isTable(winner) && isTable(value)) {
    for (const [inner, innerValue] of Object.entries(value)) {
      mergeKey(winner, { key: inner, value: innerValue });
    }
  }
}

function isTable(value: unknown): value is Table {
  return isObject(value);
}

/** A deep copy of a table; lists and scalars, which are only ever replaced, are shared. */
function copyTable(source: JsonObject): Table {
  const copy: Table = { __proto__: null };
  for (const [key, value] of Object.entries(source)) {
    copy[key] = isObject(value) ? copyTable(value) : value;
  }
  return copy;
}

/** A deep copy without nulls in tables: a chart's null default is no value. Nulls in lists stay. */
function withoutNulls(source: JsonObject): Table {
  const copy: Table = { __proto__: null };
  for (const [key, value] of Object.entries(source)) {
    if (value !== null) copy[key] = isObject(value) ? withoutNulls(value) : value;
  }
  return copy;
}
