/** Workloads inside the cluster that may watch it: those whose ServiceAccount is allowed to. */
import { field, listIn, textIn } from "./json.ts";
import { listAll } from "./kubectl.ts";
import type { Host } from "../sys/host.ts";
import type { JsonObject, KubectlServer } from "./kubectl.ts";

export interface Watcher {
  readonly kind: "DaemonSet" | "Deployment" | "StatefulSet";
  readonly namespace: string;
  readonly name: string;
}

export interface Rbac {
  /** ClusterRoles and Roles. */
  readonly roles: readonly JsonObject[];
  /** ClusterRoleBindings and RoleBindings. */
  readonly bindings: readonly JsonObject[];
}

const KINDS = [
  ["DaemonSet", "daemonsets"],
  ["Deployment", "deployments"],
  ["StatefulSet", "statefulsets"],
] as const;
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
/** Groups that every ServiceAccount is in. */
const EVERYBODY = ["system:serviceaccounts", "system:authenticated"];
const PAGE = { limit: 200 };

/**
 * Every Deployment, DaemonSet and StatefulSet whose pods run under a ServiceAccount
 * that a binding, its own or that of a group, gives a rule with the verb `watch`, by
 * namespace and name. Bare pods and jobs are not among them: nothing restarts those.
 * Throws as `listAll` does.
 */
export async function findWatchers(host: Host, server: KubectlServer): Promise<Watcher[]> {
  const read = (path: string): Promise<JsonObject[]> =>
    Array.fromAsync(listAll(host, server, path, PAGE));
  const rbac = {
    roles: [...(await read(`${RBAC}/clusterroles`)), ...(await read(`${RBAC}/roles`))],
    bindings: [
      ...(await read(`${RBAC}/clusterrolebindings`)),
      ...(await read(`${RBAC}/rolebindings`)),
    ],
  };
  const mayWatch = watchingAccounts(rbac);
  const found: Watcher[] = [];
  for (const [kind, plural] of KINDS) {
    for (const object of await read(`/apis/apps/v1/${plural}`)) {
      const { namespace, name } = metadataOf(object);
      const account = accountOf(object);
      if (mayWatch(namespace, account)) found.push({ kind, namespace, name });
    }
  }
  return found.toSorted((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));
}

/** Whether a ServiceAccount of a namespace may watch anything. */
export function watchingAccounts(rbac: Rbac): (namespace: string, name: string) => boolean {
  const roles = new Set(rbac.roles.filter(grantsWatch).map(roleKey));
  const subjects = new Set<string>();
  for (const binding of rbac.bindings) {
    const { namespace } = metadataOf(binding);
    const role = field(binding, "roleRef");
    const inNamespace = field(role, "kind") === "Role" ? namespace : "";
    if (!roles.has(`${inNamespace}/${textIn(role, "name")}`)) continue;
    for (const subject of listIn(binding, "subjects")) {
      const name = textIn(subject, "name") ?? "";
      if (isDefault(binding) && EVERYBODY.includes(name)) continue;
      const account = field(subject, "kind") === "ServiceAccount";
      subjects.add(
        account
          ? `system:serviceaccount:${textIn(subject, "namespace") ?? namespace}:${name}`
          : name,
      );
    }
  }
  // A group or a user: the names under which the API server knows a ServiceAccount.
  return (namespace, name) =>
    [
      `system:serviceaccount:${namespace}:${name}`,
      `system:serviceaccounts:${namespace}`,
      ...EVERYBODY,
    ].some((subject) => subjects.has(subject));
}

/**
 * Kubernetes itself lets every account watch some things nobody acts upon
 * (ClusterTrustBundles since 1.27): that does not make a workload an operator.
 */
function isDefault(binding: JsonObject): boolean {
  const labels = field(field(binding, "metadata"), "labels");
  return field(labels, "kubernetes.io/bootstrapping") === "rbac-defaults";
}

function grantsWatch(role: JsonObject): boolean {
  return listIn(role, "rules").some((rule) => {
    const verbs = listIn(rule, "verbs");
    const resources = listIn(rule, "resources");
    return resources.length > 0 && (verbs.includes("watch") || verbs.includes("*"));
  });
}

/** `/name` for a ClusterRole, `namespace/name` for a Role. */
function roleKey(role: JsonObject): string {
  const { namespace, name } = metadataOf(role);
  return `${namespace}/${name}`;
}

/** The ServiceAccount of its pods. */
function accountOf(workload: JsonObject): string {
  const pod = field(field(field(workload, "spec"), "template"), "spec");
  return textIn(pod, "serviceAccountName") ?? "default";
}

function metadataOf(object: JsonObject): { readonly namespace: string; readonly name: string } {
  const metadata = field(object, "metadata");
  return {
    namespace: textIn(metadata, "namespace") ?? "",
    name: textIn(metadata, "name") ?? "",
  };
}

function keyOf({ namespace, kind, name }: Watcher): string {
  return `${namespace}/${kind}/${name}`;
}
