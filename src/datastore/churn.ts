/** Changes that a cluster makes by itself all the time, and that nobody loses: counted, not listed. */
import { parseObjectKey } from "./object-key.ts";

/** Whole resources that are noise. */
const RESOURCES: Readonly<Record<string, string>> = {
  events: "events",
  leases: "leases",
  masterleases: "leases",
  peerserverleases: "leases",
  // Which addresses and ports are taken: follows from the Services.
  ranges: "bookkeeping",
};

/** Single objects that K3s and the API server keep up. */
const OBJECTS = new Set([
  "/registry/configmaps/kube-system/k3s-etcd-snapshots",
  "/registry/endpointslices/default/kubernetes",
  "/registry/services/endpoints/default/kubernetes",
]);

const SNAPSHOT_FILES = "/registry/k3s.cattle.io/etcdsnapshotfiles/";
const BOOTSTRAP = "/bootstrap/";

/**
 * Why a difference is noise, in one word for a count (`leases`), or undefined
 * when it is not. `rewritten`: the content is the same in both.
 */
export function churnOf(
  key: string,
  difference: { readonly change: string; readonly rewritten: boolean },
): string | undefined {
  const object = parseObjectKey(key);
  if (object === undefined) return internal(key, difference.change);
  const resource = object.group === undefined ? RESOURCES[object.resource] : undefined;
  if (resource !== undefined) return resource;
  if (key.startsWith(SNAPSHOT_FILES)) return "snapshot files";
  if (OBJECTS.has(key)) return "bookkeeping";
  if (!difference.rewritten) return undefined;
  return object.resource === "nodes" ? "node status" : "written again unchanged";
}

/** A key of K3s or etcd. That the server token was changed shows in the name of the bootstrap key. */
function internal(key: string, change: string): string | undefined {
  return key.startsWith(BOOTSTRAP) && change !== "changed" ? undefined : "bookkeeping";
}
