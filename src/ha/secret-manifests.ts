/** Secrets that are written down: in manifests, or in a chart's `extraDeploy`. Only their keys count. */
import { parseValues } from "./parse-values.ts";
import { at } from "./rule-value.ts";
import type { MapNode, Place, ValueNode } from "./value-node.ts";

export interface KnownSecret {
  readonly name: string;
  readonly keys: ReadonlySet<string>;
  readonly at: Place;
}

/** Secrets among the documents of a manifest; other kinds are passed over. */
export function secretsIn(documents: readonly ValueNode[]): KnownSecret[] {
  return documents.flatMap((document) => {
    if (document.kind !== "map") return [];
    const items = document.entries.get("items");
    if (textAt(document, "kind") === "List" && items?.kind === "list")
      return secretsIn(items.items);
    const name = textAt(document, "metadata.name");
    if (textAt(document, "kind") !== "Secret" || name === undefined) return [];
    const keys = new Set([...keysAt(document, "data"), ...keysAt(document, "stringData")]);
    return [{ name, keys, at: document.at }];
  });
}

/** Secrets that values tell the chart to deploy beside it, as maps or as texts. */
export function extraSecrets(root: MapNode): KnownSecret[] {
  const extra = at(root, "extraDeploy");
  if (extra?.kind !== "list") return [];
  return extra.items.flatMap((item) => {
    if (item.kind !== "scalar" || typeof item.value !== "string") return secretsIn([item]);
    try {
      const { each } = parseValues(item.value, { file: item.at.file });
      return secretsIn(each.map((document) => ({ ...document, at: item.at })));
    } catch {
      return []; // a template that is no YAML before it is rendered
    }
  });
}

function keysAt(node: MapNode, path: string): string[] {
  const found = at(node, path);
  return found?.kind === "map" ? [...found.entries.keys()] : [];
}

function textAt(node: MapNode, path: string): string | undefined {
  const found = at(node, path);
  return found?.kind === "scalar" && typeof found.value === "string" ? found.value : undefined;
}
