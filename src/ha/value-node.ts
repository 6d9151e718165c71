/** Helm values as a tree that remembers where each value stands; what parsing, merging, rules and comparisons share. */

export interface Place {
  /** As it was named on the command line. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

export type Scalar = string | number | boolean | null;

export interface MapNode {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, ValueNode>;
  readonly at: Place;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: readonly ValueNode[];
  readonly at: Place;
}

export interface ScalarNode {
  readonly kind: "scalar";
  readonly value: Scalar;
  /** It was encrypted in its file: never show it, whatever its path is called. */
  readonly secret: boolean;
  readonly at: Place;
}

/** An encrypted scalar that no key at hand opens: something is there, but nobody knows what. */
export interface SealedNode {
  readonly kind: "sealed";
  readonly at: Place;
}

export type ValueNode = MapNode | ListNode | ScalarNode | SealedNode;

/** Keys and list positions from the root. */
export type ValuePath = readonly (string | number)[];

/** The keys of a path as rules write it: `pgpool.image.tag`, `accessModes.0`. Keys with dots in them cannot be written so. */
export function parsePath(text: string): string[] {
  return text.split(".");
}

/** For people: `pgpool.nodes[0]["kubernetes.io/os"]`. */
export function printPath(path: ValuePath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (!/^[A-Za-z0-9_-]+$/.test(part)) text += `[${JSON.stringify(part)}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}

/** The node at a path of keys and list positions; undefined when there is none. */
export function nodeAt(root: ValueNode, path: readonly string[]): ValueNode | undefined {
  let node: ValueNode | undefined = root;
  for (const key of path) {
    if (node === undefined) return undefined;
    node = below(node, key);
  }
  return node;
}

function below(node: ValueNode, key: string): ValueNode | undefined {
  if (node.kind === "map") return node.entries.get(key);
  return node.kind === "list" && /^\d+$/.test(key) ? node.items[Number(key)] : undefined;
}

/** Where a path stands, or where it would belong: the deepest node above it that is there. */
export function placeOf(root: ValueNode, path: readonly string[]): Place {
  let node = root;
  for (const key of path) {
    const next = below(node, key);
    if (next === undefined || isNull(next)) return node.at;
    node = next;
  }
  return node.at;
}

/** A null in values means "no value": helm removes the chart's default for it. */
export function isNull(node: ValueNode): boolean {
  return node.kind === "scalar" && node.value === null;
}

/** Whether something is given: not null, not an empty text, list or map. What is sealed counts as given. */
export function isGiven(node: ValueNode | undefined): node is ValueNode {
  if (node === undefined) return false;
  switch (node.kind) {
    case "sealed":
      return true;
    case "scalar":
      return node.value !== null && node.value !== "";
    case "list":
      return node.items.length > 0;
    case "map":
      return node.entries.size > 0;
  }
}

/** A tree over plain JSON, all of it at one place. */
export function nodeOf(value: unknown, at: Place): ValueNode {
  if (Array.isArray(value)) {
    return { kind: "list", items: value.map((item) => nodeOf(item, at)), at };
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, inner]): [string, ValueNode] => [
      key,
      nodeOf(inner, at),
    ]);
    return { kind: "map", entries: new Map(entries), at };
  }
  const known =
    typeof value === "string" || typeof value === "number" || typeof value === "boolean";
  return { kind: "scalar", value: known ? value : null, secret: false, at };
}

/** Plain JSON; what is sealed becomes null. Maps have no prototype, so that a key `__proto__` is a key like any other. */
export function plainOf(node: ValueNode): unknown {
  switch (node.kind) {
    case "sealed":
      return null;
    case "scalar":
      return node.value;
    case "list":
      return node.items.map(plainOf);
    case "map": {
      const plain: Record<string, unknown> = { __proto__: null };
      for (const [key, inner] of node.entries) plain[key] = plainOf(inner);
      return plain;
    }
  }
}

/** Every sealed node below. */
export function countSealed(node: ValueNode): number {
  if (node.kind === "sealed") return 1;
  const below = node.kind === "map" ? [...node.entries.values()] : [];
  const inner = node.kind === "list" ? node.items : below;
  return inner.reduce((sum, one) => sum + countSealed(one), 0);
}
