/** Several values files as helm takes them (helm v4.3.1 pkg/chart/v2/loader/load.go MergeMaps). */
import type { MapNode, ValueNode } from "./value-node.ts";

/**
 * Maps are merged, everything else of the later one replaces: lists whole, and
 * a null too, which stays in the result as it does in what helm stores of a
 * release. Where a map was merged, the earlier place counts.
 */
export function mergeValues(earlier: MapNode, later: MapNode): MapNode {
  const entries = new Map<string, ValueNode>(earlier.entries);
  for (const [key, value] of later.entries) {
    const before = entries.get(key);
    const both = before?.kind === "map" && value.kind === "map";
    entries.set(key, both ? mergeValues(before, value) : value);
  }
  return { kind: "map", entries, at: earlier.at };
}

/** Merges files in the order of helm's `-f`: later ones win. Nothing at all is an empty map. */
export function mergeAll(files: readonly MapNode[]): MapNode {
  const [first, ...rest] = files;
  if (first === undefined) return { kind: "map", entries: new Map(), at: { file: "", line: 1 } };
  return rest.reduce(mergeValues, first);
}
