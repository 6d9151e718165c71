/** What a rule asks of the values: with the chart's default where they say nothing. */
import { isGiven, nodeAt, parsePath } from "./value-node.ts";
import type { Condition } from "./rule-schema.ts";
import type { MapNode, Scalar, ValueNode } from "./value-node.ts";

/** `unknown`: something is there, but sealed, or no scalar. */
export type Asked =
  | { readonly kind: "value"; readonly value: Scalar }
  | { readonly kind: "unknown" };

/** The node of a path as rules write it. */
export function at(root: MapNode, path: string): ValueNode | undefined {
  return nodeAt(root, parsePath(path));
}

/** Whether anything is given at a path. */
export function given(root: MapNode, path: string): boolean {
  return isGiven(at(root, path));
}

/** The first of several paths at which anything is given; the last where nothing is. */
export function firstGiven(root: MapNode, paths: string | readonly string[]): string {
  if (typeof paths === "string") return paths;
  return paths.find((path) => given(root, path)) ?? paths.at(-1) ?? "";
}

/** The scalar at a path; the default when nothing is given there. */
export function ask(
  root: MapNode,
  { path, default: fallback }: { readonly path: string; readonly default?: Scalar | undefined },
): Asked {
  const node = at(root, path);
  // An empty text that is written down is a value, where a default would say otherwise.
  const isEmptyText = node?.kind === "scalar" && node.value === "" && fallback !== undefined;
  if (!isGiven(node)) return { kind: "value", value: isEmptyText ? "" : (fallback ?? null) };
  return node.kind === "scalar" ? { kind: "value", value: node.value } : { kind: "unknown" };
}

/** Whether every condition holds; what is unknown is taken to hold, so that nothing is overlooked. */
export function holds(root: MapNode, conditions: readonly Condition[]): boolean {
  return conditions.every((condition) => {
    const path = firstGiven(root, condition.path);
    if (condition.given !== undefined && given(root, path) !== condition.given) return false;
    const asked = ask(root, { path, default: condition.default });
    if (asked.kind === "unknown") return true;
    const isOne = (values: readonly Scalar[]): boolean => values.includes(asked.value);
    if (condition.is !== undefined && !isOne(condition.is)) return false;
    return condition.isNot === undefined || !isOne(condition.isNot);
  });
}
