/** Objects a backup remembers by their UID, so that a restore can tell its cluster from an empty one. */
import { OperatorError } from "../errors.ts";
import { field, itemsIn, textIn } from "../k3s/json.ts";
import { kubectlJson } from "../k3s/kubectl.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Host } from "../sys/host.ts";

const NAMESPACES = "/api/v1/namespaces";
/** Every cluster has them, for as long as it lives. */
const LASTING = ["default", "kube-node-lease", "kube-public", "kube-system"];
/** Of the cluster's users; the newest tell one backup from another best. */
const OTHERS = 4;

/**
 * Namespaces as they were at the revision of the datastore that was saved. None when
 * the API server cannot tell (it keeps five minutes of history): a backup is whole
 * without them.
 */
export async function readCanaries(
  host: Host,
  settings: Settings,
  revision: number,
): Promise<NonNullable<Manifest["canaries"]>> {
  const query = `resourceVersion=${revision}&resourceVersionMatch=Exact`;
  try {
    const list = await kubectlJson(host, settings, ["get", "--raw", `${NAMESPACES}?${query}`]);
    return chosen(list);
  } catch (error) {
    host.signal.throwIfAborted();
    if (error instanceof OperatorError) return [];
    throw error;
  }
}

function chosen(list: unknown): NonNullable<Manifest["canaries"]> {
  const found = itemsIn(list)
    // One that is being deleted goes on being deleted after a restore.
    .filter((item) => field(field(item, "status"), "phase") === "Active")
    .map((item) => field(item, "metadata"))
    .map((metadata) => ({
      name: textIn(metadata, "name") ?? "",
      uid: textIn(metadata, "uid") ?? "",
      created: textIn(metadata, "creationTimestamp") ?? "",
    }))
    .filter(({ uid }) => uid !== "");
  const lasting = found.filter(({ name }) => LASTING.includes(name));
  const others = found
    .filter(({ name }) => !LASTING.includes(name))
    .toSorted((left, right) => (left.created < right.created ? 1 : -1))
    .slice(0, OTHERS);
  return [...lasting, ...others].map(({ name, uid }) => ({ path: `${NAMESPACES}/${name}`, uid }));
}
