/** What a restored cluster still knows of machines that are gone: Node objects without heartbeat, volumes that lie on one node. */
import { field, itemsIn } from "./json.ts";
import { kubectlJson, listAll } from "./kubectl.ts";
import type { Host } from "../sys/host.ts";
import type { KubectlServer } from "./kubectl.ts";

/** K3s puts it on every server with embedded etcd. */
const ETCD = "node-role.kubernetes.io/etcd";

export interface NodeVolume {
  readonly name: string;
  /** `namespace/name` of its claim; undefined when none holds it. */
  readonly claim: string | undefined;
  readonly path: string;
  readonly nodes: readonly string[];
}

export interface SilentNode {
  readonly name: string;
  /** It had a member of the embedded etcd: with its old data it would bring the old cluster back. */
  readonly hasEtcd: boolean;
}

/** Names of the Nodes whose lease was renewed after `since`; and those whose was not. */
export async function nodesSince(
  host: Host,
  server: KubectlServer,
  since: Date,
): Promise<{ readonly alive: ReadonlySet<string>; readonly silent: readonly SilentNode[] }> {
  const leases = await kubectlJson(host, server, [
    "get",
    "--raw",
    "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
  ]);
  const alive = new Set<string>();
  for (const lease of itemsIn(leases)) {
    const renewed = textAt(lease, "spec", "renewTime");
    const name = textAt(lease, "metadata", "name");
    if (name !== undefined && renewed !== undefined && new Date(renewed) > since) alive.add(name);
  }
  const silent: SilentNode[] = [];
  for await (const node of listAll(host, server, "/api/v1/nodes")) {
    const name = textAt(node, "metadata", "name");
    if (name === undefined || alive.has(name)) continue;
    silent.push({ name, hasEtcd: textAt(node, "metadata", "labels", ETCD) !== undefined });
  }
  return { alive, silent };
}

/** Volumes whose data is a folder of certain nodes: K3s's local-path, and any of kind `local` or `hostPath`. */
export async function nodeVolumes(host: Host, server: KubectlServer): Promise<NodeVolume[]> {
  const found: NodeVolume[] = [];
  for await (const volume of listAll(host, server, "/api/v1/persistentvolumes", { limit: 100 })) {
    const path =
      textAt(volume, "spec", "local", "path") ?? textAt(volume, "spec", "hostPath", "path");
    const name = textAt(volume, "metadata", "name");
    const nodes = nodesOf(volume);
    if (path === undefined || name === undefined || nodes.length === 0) continue;
    const namespace = textAt(volume, "spec", "claimRef", "namespace");
    const claim = textAt(volume, "spec", "claimRef", "name");
    const held = namespace !== undefined && claim !== undefined;
    found.push({ name, path, nodes, claim: held ? `${namespace}/${claim}` : undefined });
  }
  return found;
}

/** Host names in the volume's node affinity; local-path pins by this label alone. */
function nodesOf(volume: unknown): string[] {
  const required = at(volume, "spec", "nodeAffinity", "required");
  return listOf(field(required, "nodeSelectorTerms")).flatMap((term) =>
    listOf(field(term, "matchExpressions"))
      .filter((one) => field(one, "key") === "kubernetes.io/hostname")
      .flatMap((one) => listOf(field(one, "values")))
      .filter((value) => typeof value === "string"),
  );
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? Array.from<unknown>(value) : [];
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce(field, value);
}

function textAt(value: unknown, ...path: readonly string[]): string | undefined {
  const found = at(value, ...path);
  return typeof found === "string" ? found : undefined;
}
