/** The cluster as HA work needs it: pods, endpoints, nodes, Services, Secrets, through `k3s kubectl`. */
import { OperatorError } from "../errors.ts";
import { isObject, kubectlJson } from "../k3s/kubectl.ts";
import { field, itemsIn } from "../k3s/json.ts";
import type { KubectlServer } from "../k3s/kubectl.ts";
import type { Host } from "../sys/host.ts";

export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly address: string;
  readonly node: string;
  readonly ready: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Cluster {
  readonly host: Host;
  readonly server: KubectlServer;
}

const TIMEOUT = 15_000;

function text(value: unknown, ...path: readonly string[]): string {
  let current = value;
  for (const name of path) current = field(current, name);
  return typeof current === "string" ? current : "";
}

function podOf(item: unknown): Pod {
  const conditions = field(field(item, "status"), "conditions");
  const ready = (Array.isArray(conditions) ? conditions : []).some(
    (one: unknown) => text(one, "type") === "Ready" && text(one, "status") === "True",
  );
  const labels = field(field(item, "metadata"), "labels");
  return {
    namespace: text(item, "metadata", "namespace"),
    name: text(item, "metadata", "name"),
    uid: text(item, "metadata", "uid"),
    address: text(item, "status", "podIP"),
    node: text(item, "spec", "nodeName"),
    ready: ready && text(item, "metadata", "deletionTimestamp") === "",
    labels: isObject(labels)
      ? Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)]))
      : {},
  };
}

/** Throws what `kubectlJson` throws. */
export async function podsOf(
  { host, server }: Cluster,
  options: { readonly namespace: string; readonly selector?: string },
): Promise<readonly Pod[]> {
  const selector = options.selector === undefined ? [] : [`--selector=${options.selector}`];
  const args = ["get", "pods", `--namespace=${options.namespace}`, ...selector, "--output=json"];
  return itemsIn(await kubectlJson(host, server, args, { timeout: TIMEOUT })).map(podOf);
}

/** A value of a Secret, decoded. Throws an OperatorError `SECRET_KEY_MISSING`; never shows the value. */
export async function secretValue(
  { host, server }: Cluster,
  where: { readonly namespace: string; readonly name: string; readonly key: string },
): Promise<string> {
  const { namespace, name, key } = where;
  const args = ["get", "secret", name, `--namespace=${namespace}`, "--output=json"];
  const secret = await kubectlJson(host, server, args, { timeout: TIMEOUT });
  const encoded = field(field(secret, "data"), key);
  if (typeof encoded === "string") return Buffer.from(encoded, "base64").toString("utf8");
  throw new OperatorError(
    "precondition",
    "SECRET_KEY_MISSING",
    `the Secret ${namespace}/${name} has no key ${key}`,
    { hint: `see its keys: k3s kubectl -n ${namespace} describe secret ${name}` },
  );
}

export interface Endpoint {
  readonly address: string;
  readonly node: string;
  readonly pod: string;
}

/** Ready endpoints of a Service, once each. */
export async function readyEndpoints(
  { host, server }: Cluster,
  where: { readonly namespace: string; readonly service: string },
): Promise<readonly Endpoint[]> {
  const path = `/apis/discovery.k8s.io/v1/namespaces/${where.namespace}/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D${where.service}`;
  const slices = itemsIn(
    await kubectlJson(host, server, ["get", "--raw", path], { timeout: TIMEOUT }),
  );
  const found = new Map<string, Endpoint>();
  for (const slice of slices) {
    const endpoints = field(slice, "endpoints");
    for (const one of Array.isArray(endpoints) ? endpoints : []) {
      if (field(field(one, "conditions"), "ready") === false) continue;
      const addresses = field(one, "addresses");
      const [address] = Array.isArray(addresses) ? addresses.map(String) : [];
      if (address === undefined) continue;
      found.set(address, {
        address,
        node: text(one, "nodeName"),
        pod: text(one, "targetRef", "name"),
      });
    }
  }
  return [...found.values()];
}

/** Name → cluster address of `SERVICE.NAMESPACE[.svc…]`; the name itself when it is no such Service. */
export async function serviceAddress({ host, server }: Cluster, name: string): Promise<string> {
  const [service, namespace, ...rest] = name.split(".");
  const plain = rest.length === 0 || rest[0] === "svc";
  if (service === undefined || namespace === undefined || !plain || /^\d+$/.test(namespace))
    return name;
  try {
    const args = ["get", "service", service, `--namespace=${namespace}`, "--output=json"];
    const found = await kubectlJson(host, server, args, { timeout: TIMEOUT });
    const address = text(found, "spec", "clusterIP");
    return address === "" || address === "None" ? name : address;
  } catch (error) {
    if (error instanceof OperatorError && /NOT_FOUND|KUBECTL_FAILED/.test(error.code)) return name;
    throw error;
  }
}

export interface ClusterNode {
  readonly name: string;
  /** As the node tells it: `Debian GNU/Linux 12 (bookworm)`. */
  readonly osImage: string;
  readonly addresses: readonly string[];
  readonly ready: boolean;
  readonly schedulable: boolean;
  /** Conditions other than Ready that are True and mean trouble. */
  readonly pressures: readonly string[];
  /** Undefined on a node without etcd. */
  readonly etcdVoter: boolean | undefined;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export async function nodesOf({ host, server }: Cluster): Promise<readonly ClusterNode[]> {
  const list = await kubectlJson(host, server, ["get", "nodes", "--output=json"], {
    timeout: TIMEOUT,
  });
  return itemsIn(list).map((item) => {
    const conditions = field(field(item, "status"), "conditions");
    const all: readonly unknown[] = Array.isArray(conditions) ? conditions : [];
    const is = (type: string): boolean | undefined => {
      const found = all.find((one) => text(one, "type") === type);
      return found === undefined ? undefined : text(found, "status") === "True";
    };
    const addresses = field(field(item, "status"), "addresses");
    const texts = (name: string) => {
      const value = field(field(item, "metadata"), name);
      return isObject(value)
        ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, String(one)]))
        : {};
    };
    return {
      name: text(item, "metadata", "name"),
      osImage: text(item, "status", "nodeInfo", "osImage"),
      addresses: (Array.isArray(addresses) ? addresses : []).map((one) => text(one, "address")),
      ready: is("Ready") === true,
      schedulable: field(field(item, "spec"), "unschedulable") !== true,
      pressures: ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"].filter(
        (type) => is(type) === true,
      ),
      etcdVoter: is("EtcdIsVoter"),
      labels: texts("labels"),
      annotations: texts("annotations"),
    };
  });
}
