/** The flags of `k3s server`, and what the front takes from them. */
import { existsSync, readFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import { list, onOff, text } from "./flags.ts";
import type { Flags, FlagSpec } from "./flags.ts";
import { FrontError, log } from "./log.ts";
import { defaultDataDir, pathsOf } from "./paths.ts";
import type { Paths } from "./paths.ts";

export const SERVER_FLAGS: readonly FlagSpec[] = [
  text("config c", "K3S_CONFIG_FILE"),
  onOff("debug", "K3S_DEBUG"),
  text("v"),
  text("log l"),
  onOff("alsologtostderr"),
  text("data-dir d", "K3S_DATA_DIR"),
  text("token t", "K3S_TOKEN"),
  text("token-file", "K3S_TOKEN_FILE"),
  text("agent-token", "K3S_AGENT_TOKEN"),
  text("agent-token-file", "K3S_AGENT_TOKEN_FILE"),
  text("server s", "K3S_URL"),
  onOff("cluster-init", "K3S_CLUSTER_INIT"),
  onOff("cluster-reset", "K3S_CLUSTER_RESET"),
  text("cluster-reset-restore-path"),
  text("node-name", "K3S_NODE_NAME"),
  text("node-ip i"),
  text("node-external-ip"),
  text("bind-address"),
  text("advertise-address"),
  text("advertise-port"),
  text("https-listen-port", undefined, "6443"),
  list("tls-san"),
  text("write-kubeconfig o", "K3S_KUBECONFIG_OUTPUT"),
  text("write-kubeconfig-mode", "K3S_KUBECONFIG_MODE"),
  text("write-kubeconfig-group", "K3S_KUBECONFIG_GROUP"),
  text("cluster-cidr", undefined, "10.42.0.0/16"),
  text("service-cidr", undefined, "10.43.0.0/16"),
  text("service-node-port-range"),
  text("cluster-dns"),
  text("cluster-domain"),
  text("flannel-backend", undefined, "vxlan"),
  text("egress-selector-mode", undefined, "agent"),
  onOff("secrets-encryption"),
  text("secrets-encryption-provider", undefined, "aescbc"),
  text("datastore-endpoint", "K3S_DATASTORE_ENDPOINT"),
  onOff("etcd-expose-metrics"),
  onOff("etcd-disable-snapshots"),
  text("etcd-snapshot-name", undefined, "etcd-snapshot"),
  text("etcd-snapshot-schedule-cron", undefined, "0 */12 * * *"),
  text("etcd-snapshot-retention", undefined, "5"),
  text("etcd-snapshot-dir"),
  onOff("etcd-snapshot-compress"),
  onOff("etcd-s3"),
  ...["endpoint", "access-key", "secret-key", "bucket", "region", "folder"].map((name) =>
    text(`etcd-s3-${name}`),
  ),
  ...["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet"].map(
    (name) => list(`${name}-arg`),
  ),
  list("disable"),
  list("node-label"),
  list("node-taint"),
  ...[
    "scheduler",
    "cloud-controller",
    "kube-proxy",
    "network-policy",
    "helm-controller",
    "apiserver",
    "controller-manager",
    "etcd",
    "agent",
  ].map((name) => onOff(`disable-${name}`)),
  onOff("protect-kernel-defaults"),
  onOff("prefer-bundled-bin"),
  onOff("selinux", "K3S_SELINUX"),
  text("private-registry"),
  text("system-default-registry"),
  text("snapshotter"),
  onOff("embedded-registry"),
];

export interface Settings {
  readonly flags: Flags;
  readonly paths: Paths;
  /** From flag, environment or configuration, a token file included; "" when nobody gave one. */
  readonly token: string;
  readonly agentToken: string;
  readonly nodeName: string;
  readonly nodeIp: string;
  /** The host name under which this machine reaches its own API server. */
  readonly apiHost: string;
  readonly apiPort: number;
  /** "" unless `server:` names another server. */
  readonly join: string;
  readonly reset: boolean;
  readonly restorePath: string;
  readonly withAgent: boolean;
}

/** Reads the settings; waits for a token file that is not there yet, as K3s does (9.3). Throws FrontError. */
export async function settingsOf(flags: Flags): Promise<Settings> {
  const paths = pathsOf(flags.text("data-dir") || defaultDataDir());
  const join = flags.text("server");
  const reset = flags.on("cluster-reset");
  const restorePath = flags.text("cluster-reset-restore-path");
  if (reset && join !== "") {
    throw new FrontError(
      "cannot perform cluster-reset while server URL is set - remove server from configuration before resetting",
    );
  }
  if (restorePath !== "" && !reset) {
    throw new FrontError(
      "invalid flag use; --cluster-reset required with --cluster-reset-restore-path",
    );
  }
  if (restorePath !== "" && flags.text("token") === "" && !existsSync(paths.token)) {
    warnAboutAgent(flags);
    throw new FrontError(
      `${paths.token} does not exist, please pass --token to complete the restoration`,
    );
  }
  const nodeIp = flags.text("node-ip").split(",")[0] || addressOfDefaultRoute();
  const bind = flags.text("bind-address");
  return {
    flags,
    paths,
    token: (await fromFile(flags.text("token-file"))) ?? flags.text("token"),
    agentToken: (await fromFile(flags.text("agent-token-file"))) ?? flags.text("agent-token"),
    nodeName: (flags.text("node-name") || hostname()).toLowerCase(),
    nodeIp,
    apiHost: bind === "" || bind === "0.0.0.0" || bind === "::" ? "127.0.0.1" : bind,
    apiPort: Number(flags.text("https-listen-port")),
    join,
    reset,
    restorePath,
    withAgent: !flags.on("disable-agent"),
  };
}

/** A warning that K3s prints before anything else when no agent runs. */
export function warnAboutAgent(flags: Flags): void {
  if (!flags.on("disable-agent")) return;
  log.warning(
    "Webhooks and apiserver aggregation may not function properly without an agent; please set egress-selector-mode to 'cluster' or 'pod'",
  );
}

async function fromFile(path: string): Promise<string | undefined> {
  if (path === "") return undefined;
  if (!existsSync(path)) log.info(`Waiting for file "${path}" to be created`);
  for (let waited = 0; !existsSync(path); waited += 1) {
    if (waited > 240) throw new FrontError(`open ${path}: no such file or directory`);
    await Bun.sleep(1000);
  }
  return readFileSync(path, "utf8").trim();
}

function addressOfDefaultRoute(): string {
  const routes = readFileSync("/proc/net/route", "utf8").split("\n").slice(1);
  const device = routes.map((line) => line.split("\t")).find((fields) => fields[1] === "00000000");
  const addresses = networkInterfaces()[device?.[0] ?? ""] ?? [];
  const found = addresses.find(
    ({ family, address }) => family === "IPv4" && !address.startsWith("127."),
  );
  if (found === undefined) {
    throw new FrontError("failed to get node IP: no default route; pass --node-ip");
  }
  return found.address;
}
