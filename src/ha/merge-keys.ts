/** Merge keys (`<<`) of YAML 1.1: what they bring into a map. */
import type { MapNode, ValueNode } from "./value-node.ts";

export const MERGE = "<<";

/** What a merge key brings in; of several maps the earlier wins. Undefined when it names no map. */
export function mergedEntries(value: ValueNode): Map<string, ValueNode> | undefined {
  const entries = new Map<string, ValueNode>();
  for (const one of value.kind === "list" ? value.items : [value]) {
    if (one.kind !== "map") return undefined;
    for (const [key, inner] of one.entries) if (!entries.has(key)) entries.set(key, inner);
  }
  return entries;
}

/** Follows the merge keys of a tree that was read with `mergeKeys: false`. */
export function followMergeKeys(node: MapNode): MapNode {
  const follow = (inner: ValueNode): ValueNode => {
    if (inner.kind === "map") return followMergeKeys(inner);
    return inner.kind === "list" ? { ...inner, items: inner.items.map(follow) } : inner;
  };
  const own = new Map([...node.entries].map(([key, inner]) => [key, follow(inner)]));
  const merge = own.get(MERGE);
  const merged = merge === undefined ? undefined : mergedEntries(merge);
  if (merged === undefined) return { ...node, entries: own };
  own.delete(MERGE);
  return { ...node, entries: new Map([...merged, ...own]) };
}
