/**
 * Which object a key of the datastore is. Kubernetes stores its own kinds below
 * `/registry/<resource>/`, without their group; custom resources and those of
 * aggregated servers below `/registry/<group>/<resource>/`. Namespaced ones have
 * one part more.
 */

export interface ObjectKey {
  /** API group, only where it stands in the key: `stable.example.com`. */
  readonly group?: string;
  /** Plural, as kubectl takes it: `configmaps`. */
  readonly resource: string;
  readonly namespace?: string;
  readonly name: string;
}

export const REGISTRY_PREFIX = "/registry/";

/** Storage folders not named like their resource (kube-apiserver, SpecialDefaultResourcePrefixes). */
const FOLDERS: Readonly<Record<string, string>> = {
  controllers: "replicationcontrollers",
  ingress: "ingresses",
  minions: "nodes",
  "services/endpoints": "endpoints",
  "services/specs": "services",
};

/** Groups of Kubernetes itself that stand in the key all the same, because servers of their own store them. */
const OWN_GROUPS = new Set(["apiextensions.k8s.io", "apiregistration.k8s.io"]);

/** The object behind a key, or undefined when the key is none of Kubernetes's (`/bootstrap/…`, `compact_rev_key`). */
export function parseObjectKey(key: string): ObjectKey | undefined {
  if (!key.startsWith(REGISTRY_PREFIX)) return undefined;
  const [first = "", second = "", ...rest] = key.slice(REGISTRY_PREFIX.length).split("/");
  if (first === "" || second === "") return undefined;
  const folder = FOLDERS[`${first}/${second}`];
  if (folder !== undefined) return located({ resource: folder }, rest);
  // No resource of Kubernetes has a dot in its name, and every group of others must have one.
  if (first.includes(".")) return located({ group: first, resource: second }, rest);
  return located({ resource: FOLDERS[first] ?? first }, [second, ...rest]);
}

function located(
  what: { readonly group?: string; readonly resource: string },
  parts: readonly string[],
): ObjectKey | undefined {
  const [first, second, ...more] = parts;
  if (first === undefined || first === "" || second === "" || more.length > 0) return undefined;
  return second === undefined
    ? { ...what, name: first }
    : { ...what, namespace: first, name: second };
}

/** The kind of an object in one word: `configmap`; for other groups as kubectl takes it: `crontabs.stable.example.com`. */
export function kindOf({ group, resource }: ObjectKey): string {
  if (group !== undefined && !OWN_GROUPS.has(group)) return `${resource}.${group}`;
  return singular(resource);
}

/** A key for people: `default/configmap/web`, `node/s1`; a key that is no object's as it is. */
export function printKey(key: string): string {
  const object = parseObjectKey(key);
  if (object === undefined) return key;
  const { namespace, name } = object;
  return [...(namespace === undefined ? [] : [namespace]), kindOf(object), name].join("/");
}

function singular(resource: string): string {
  if (resource === "endpoints") return resource;
  if (resource.endsWith("ies")) return `${resource.slice(0, -3)}y`;
  if (/(?:ss|x|ch|sh)es$/.test(resource)) return resource.slice(0, -2);
  return /[^s]s$/.test(resource) ? resource.slice(0, -1) : resource;
}
