/** Objects of the cluster as smoke checks need them: plain values, read through `k3s kubectl` page by page. */
import { OperatorError } from "../../errors.ts";
import { field, listIn, textIn } from "../../k3s/json.ts";
import { isObject, kubectlJson, listAll } from "../../k3s/kubectl.ts";
import type { Cluster } from "../cluster.ts";
import type { JsonObject } from "../../k3s/kubectl.ts";

/** Milliseconds of one question; a check has several, and its own time-out above them. */
const TIMEOUT = 15_000;

/** All objects below a path, with a label selector where one is given. Throws what `listAll` throws. */
export async function objectsAt(
  { host, server }: Cluster,
  path: string,
  labelSelector?: string,
): Promise<readonly JsonObject[]> {
  const found: JsonObject[] = [];
  const options = {
    timeout: TIMEOUT,
    limit: 100,
    ...(labelSelector === undefined ? {} : { labelSelector }),
  };
  for await (const object of listAll(host, server, path, options)) found.push(object);
  return found;
}

/** One object, or undefined when the API server has none at that path. Throws what `kubectlJson` throws. */
export async function objectAt(
  { host, server }: Cluster,
  path: string,
): Promise<JsonObject | undefined> {
  try {
    const found = await kubectlJson(host, server, ["get", "--raw", path], { timeout: TIMEOUT });
    return isObject(found) ? found : undefined;
  } catch (error) {
    if (error instanceof OperatorError && error.code === "API_NOT_FOUND") return undefined;
    throw error;
  }
}

/** A value below nested fields. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let current = value;
  for (const name of path) current = field(current, name);
  return current;
}

/** A number below nested fields; 0 when there is none, as Kubernetes leaves zeros out. */
export function numberAt(value: unknown, ...path: readonly string[]): number {
  const found = at(value, ...path);
  return typeof found === "number" ? found : 0;
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const last = path.at(-1) ?? "";
  return listIn(at(value, ...path.slice(0, -1)), last);
}

export function textAt(value: unknown, ...path: readonly string[]): string {
  const last = path.at(-1) ?? "";
  return textIn(at(value, ...path.slice(0, -1)), last) ?? "";
}

/** `namespace/name`. */
export function fullName(object: unknown): string {
  return `${textAt(object, "metadata", "namespace")}/${textAt(object, "metadata", "name")}`;
}

/** What is unfinished about a Deployment's rollout, as `kubectl rollout status` sees it; undefined when nothing is. */
export function rolloutProblem(deployment: unknown): string | undefined {
  const name = fullName(deployment);
  const spec = at(deployment, "spec", "replicas");
  const wanted = typeof spec === "number" ? spec : 1;
  const status = (part: string): number => numberAt(deployment, "status", part);
  if (status("observedGeneration") < numberAt(deployment, "metadata", "generation")) {
    return `${name} has a change that no controller has seen yet`;
  }
  if (wanted === 0) return `${name} is scaled to 0`;
  if (status("updatedReplicas") < wanted) {
    return `${name} has ${status("updatedReplicas")} of ${wanted} replicas of its newest version`;
  }
  if (status("replicas") > status("updatedReplicas")) {
    return `${name} still has replicas of an older version`;
  }
  if (status("availableReplicas") < wanted) {
    return `${name} has ${status("availableReplicas")} of ${wanted} replicas available`;
  }
  return undefined;
}

/** The names in a list, the first few of them. */
export function some(names: readonly string[], shown = 4): string {
  const more = names.length - shown;
  return `${names.slice(0, shown).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
