/**
 * Running pods, on servers that have /etc/k3s-lab-pods: the lab's own stand-in for
 * the kubelet (tests/lab/parts/node: commands as local processes, no images) and
 * the real kube-proxy. Without that file pods stay Pending.
 */
import { existsSync } from "node:fs";
import { startPart } from "./parts.ts";
import { child } from "./processes.ts";
import type { Settings } from "./settings.ts";

const SWITCH = "/etc/k3s-lab-pods";

/** Call when the Node object is there. */
export function startPods(settings: Settings): void {
  if (!existsSync(SWITCH)) return;
  const { agent } = settings.paths;
  const node = startPart("lab-node", [
    `--kubeconfig=${agent}/kubelet.kubeconfig`,
    `--node-name=${settings.nodeName}`,
    `--node-ip=${settings.nodeIp}`,
  ]);
  child(node, "SIGKILL", "lab-node");
  const proxy = startPart("kube-proxy", [
    `--kubeconfig=${agent}/kubeproxy.kubeconfig`,
    `--hostname-override=${settings.nodeName}`,
    "--proxy-mode=nftables",
    `--cluster-cidr=${settings.flags.text("cluster-cidr")}`,
    "--conntrack-max-per-core=0",
    "--conntrack-tcp-timeout-established=0s",
    "--conntrack-tcp-timeout-close-wait=0s",
    "--healthz-bind-address=127.0.0.1",
    "--metrics-bind-address=127.0.0.1",
  ]);
  child(proxy, "SIGKILL", "kube-proxy");
}
