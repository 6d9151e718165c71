/** How charts call the Secrets they make (Bitnami's common.names.fullname, common/_names.tpl). */
import { at } from "./rule-value.ts";
import type { SecretRule } from "./rule-schema.ts";
import type { MapNode } from "./value-node.ts";

/** Kubernetes's limit for names in labels, which the charts cut to. */
const LONGEST = 63;

export interface NamedSecret {
  readonly name: string;
  /** The operator made it, and the chart takes it as it is. */
  readonly existing: boolean;
  /** The value that names it. */
  readonly path: string | undefined;
}

/**
 * The Secret a rule speaks of, for a release of a chart; undefined when its name
 * cannot be told: a template, sealed, or a rule without a name.
 */
export function secretOf(
  rule: SecretRule,
  options: { readonly root: MapNode; readonly release: string | undefined; readonly chart: string },
): NamedSecret | undefined {
  const { root, release, chart } = options;
  const path = existingPath(root, rule);
  if (path !== undefined) {
    const node = at(root, path);
    if (node?.kind !== "scalar" || typeof node.value !== "string") return undefined;
    // The charts evaluate it as a template; only a plain name can be looked up.
    return node.value.includes("{{") ? undefined : { name: node.value, existing: true, path };
  }
  if (rule.name === undefined || release === undefined) return undefined;
  const fullname = fullnameOf(root, { release, chart });
  const name = cut(rule.name.replaceAll("{fullname}", fullname).replaceAll("{release}", release));
  return { name, existing: false, path: undefined };
}

/** The value that names an existing Secret, if one is given. */
export function existingPath(root: MapNode, rule: SecretRule): string | undefined {
  return rule.existing.find((path) => {
    const node = at(root, path);
    return (
      node?.kind === "sealed" ||
      (node?.kind === "scalar" && typeof node.value === "string" && node.value !== "")
    );
  });
}

function fullnameOf(
  root: MapNode,
  { release, chart }: { readonly release: string; readonly chart: string },
): string {
  const override = textAt(root, "fullnameOverride");
  if (override !== undefined) return cut(override);
  const name = textAt(root, "nameOverride") ?? chart;
  return cut(release.includes(name) ? release : `${release}-${name}`);
}

function textAt(root: MapNode, path: string): string | undefined {
  const node = at(root, path);
  const isText = node?.kind === "scalar" && typeof node.value === "string" && node.value !== "";
  return isText ? String(node.value) : undefined;
}

function cut(name: string): string {
  return name.slice(0, LONGEST).replace(/-$/, "");
}
