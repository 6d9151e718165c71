/**
 * What a kubelet would tell the API server: the Node object, its heartbeat and
 * its Lease. No pod is ever run.
 */
import { scryptSync, randomBytes, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ApiClient } from "./api.ts";
import { field, textField } from "./api.ts";
import { VERSION } from "./about.ts";
import { etcdctl, memberName } from "./etcd.ts";
import { fault } from "./faults.ts";
import { log, textOf } from "./log.ts";
import type { Settings } from "./settings.ts";

const HEARTBEAT = 10_000;

/** Registers the node and keeps its heartbeat up. Returns after the first one. */
export async function startNode(
  settings: Settings,
  api: ApiClient,
  options: { readonly etcd: boolean; readonly afterReset: boolean },
): Promise<void> {
  const secret = `/api/v1/namespaces/kube-system/secrets/${settings.nodeName}.node-password.k3s`;
  if (options.afterReset) await api.request("DELETE", secret);
  const beat = async (): Promise<void> => {
    if (fault("no-heartbeat") !== undefined) return;
    if (!(await passwordAccepted(settings, api, secret))) {
      log.error(
        "Waiting to retrieve agent configuration; server is not ready: Node password rejected, duplicate hostname or contents of '/etc/rancher/node/password' may not match server node-passwd entry, try enabling a unique node name with the --with-node-id flag",
      );
      return;
    }
    await heartbeat(settings, api, options.etcd);
  };
  await beat();
  setInterval(() => {
    beat().catch((error: unknown) => log.warning(`node heartbeat: ${textOf(error)}`));
  }, HEARTBEAT);
}

/** K3s keeps a scrypt hash of each node's password in a Secret; the first to come sets it. */
async function passwordAccepted(
  settings: Settings,
  api: ApiClient,
  path: string,
): Promise<boolean> {
  const password = readFileSync("/etc/rancher/node/password", "utf8").trim();
  const { status, body } = await api.request("GET", path);
  if (status === 404) {
    const salt = randomBytes(8).toString("hex");
    const hash = `$1:${salt}:15:8:1:${scryptOf(password, salt).toString("base64")}`;
    await api.request("POST", path.slice(0, path.lastIndexOf("/")), {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: `${settings.nodeName}.node-password.k3s`, namespace: "kube-system" },
      immutable: true,
      data: { hash: Buffer.from(hash).toString("base64") },
    });
    return true;
  }
  const kept = Buffer.from(textField(body, "data", "hash"), "base64").toString();
  const [, salt = "", , , , expected = ""] = kept.split(":");
  const wanted = Buffer.from(expected, "base64");
  const actual = scryptOf(password, salt);
  return wanted.length === actual.length && timingSafeEqual(wanted, actual);
}

function scryptOf(password: string, salt: string): Buffer {
  return scryptSync(password, salt, 64, { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 });
}

async function heartbeat(settings: Settings, api: ApiClient, etcd: boolean): Promise<void> {
  const { nodeName } = settings;
  const path = `/api/v1/nodes/${nodeName}`;
  const identity = { apiVersion: "v1", kind: "Node", metadata: { name: nodeName } };
  const { status, body } = await api.request("GET", path);
  if (status === 404) {
    const { body: created } = await api.apply(path, {
      ...identity,
      metadata: { ...identity.metadata, ...descriptionOf(settings, etcd) },
    });
    await renewLease(settings, api, field(created, "metadata", "uid"));
  } else await renewLease(settings, api, field(body, "metadata", "uid"));
  await api.apply(`${path}/status`, {
    ...identity,
    status: {
      addresses: [
        { type: "InternalIP", address: settings.nodeIp },
        { type: "Hostname", address: nodeName },
      ],
      capacity: { cpu: "2", memory: "4Gi", pods: "110" },
      allocatable: { cpu: "2", memory: "4Gi", pods: "110" },
      conditions: await conditionsOf(settings, field(body, "status", "conditions"), etcd),
      nodeInfo: {
        architecture: "amd64",
        bootID: "",
        containerRuntimeVersion: "none://lab",
        kernelVersion: "lab",
        kubeProxyVersion: "",
        kubeletVersion: VERSION,
        machineID: "",
        operatingSystem: "linux",
        osImage: "K3s lab stand-in",
        systemUUID: "",
      },
    },
  });
}

function descriptionOf(settings: Settings, etcd: boolean) {
  const { nodeName, nodeIp } = settings;
  const extra = settings.flags.list("node-label").map((label) => label.split("=", 2));
  return {
    labels: {
      "kubernetes.io/arch": "amd64",
      "kubernetes.io/hostname": nodeName,
      "kubernetes.io/os": "linux",
      "node-role.kubernetes.io/control-plane": "true",
      ...(etcd ? { "node-role.kubernetes.io/etcd": "true" } : {}),
      "node.kubernetes.io/instance-type": "k3s",
      ...Object.fromEntries(extra),
    },
    annotations: {
      "k3s.io/hostname": nodeName,
      "k3s.io/internal-ip": nodeIp,
      ...(etcd
        ? {
            "etcd.k3s.cattle.io/node-address": nodeIp,
            "etcd.k3s.cattle.io/node-name": memberName(settings, false),
          }
        : {}),
    },
  };
}

async function conditionsOf(settings: Settings, previous: unknown, etcd: boolean) {
  const now = new Date().toISOString().replace(/\.\d+Z$/, "Z");
  const before: unknown[] = Array.isArray(previous) ? previous : [];
  const condition = (type: string, status: string, reason: string, message: string) => {
    const old = before.find((one) => field(one, "type") === type);
    const same = field(old, "status") === status;
    return {
      type,
      status,
      reason,
      message,
      lastHeartbeatTime: now,
      lastTransitionTime: same ? String(field(old, "lastTransitionTime")) : now,
    };
  };
  return [
    condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "the lab has no kubelet"),
    condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "the lab has no kubelet"),
    condition("PIDPressure", "False", "KubeletHasSufficientPID", "the lab has no kubelet"),
    condition("Ready", "True", "KubeletReady", "kubelet is posting ready status (lab)"),
    ...(etcd
      ? [
          (await isVoter(settings))
            ? condition(
                "EtcdIsVoter",
                "True",
                "MemberNotLearner",
                "Node is a voting member of the etcd cluster",
              )
            : condition(
                "EtcdIsVoter",
                "False",
                "MemberIsLearner",
                "Node has not been promoted to voting member of the etcd cluster",
              ),
        ]
      : []),
  ];
}

async function isVoter(settings: Settings): Promise<boolean> {
  if (fault("not-voter") !== undefined) return false;
  const { stdout } = await etcdctl(settings, ["member", "list", "--write-out=simple"]);
  const own = stdout.split("\n").find((line) => line.includes(memberName(settings, false)));
  return own?.trim().endsWith("false") ?? false;
}

async function renewLease(settings: Settings, api: ApiClient, uid: unknown): Promise<void> {
  const { nodeName } = settings;
  await api.apply(`/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${nodeName}`, {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: {
      name: nodeName,
      namespace: "kube-node-lease",
      ...(typeof uid === "string"
        ? { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: nodeName, uid }] }
        : {}),
    },
    spec: {
      holderIdentity: nodeName,
      leaseDurationSeconds: 40,
      renewTime: new Date().toISOString().replace(/Z$/, "000Z"),
    },
  });
}
