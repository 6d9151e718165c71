/** Checks that ask the cluster: endpoints on different nodes, nodes, etcd's voters, readiness. */
import { OperatorError } from "../../errors.ts";
import { httpRequest } from "../../sys/http.ts";
import { count } from "../../words.ts";
import { nodesOf, readyEndpoints } from "../cluster.ts";
import { etcdMembers, memberServes } from "../resolve/etcd.ts";
import { bad, good } from "./outcome.ts";
import type { Cluster } from "../cluster.ts";
import type { CheckSettings } from "../drill/check-schema.ts";
import type { CheckOutcome } from "./outcome.ts";

export async function checkEndpoints(
  cluster: Cluster,
  settings: CheckSettings["endpoints"],
): Promise<CheckOutcome> {
  const { namespace, service, min, differentNodes } = settings;
  const found = await readyEndpoints(cluster, { namespace, service });
  if (found.length < min) {
    return bad(
      `${namespace}/${service} has ${found.length} of ${min} ready endpoints`,
      `see: k3s kubectl -n ${namespace} get pods -o wide`,
    );
  }
  const nodes = new Set(found.map(({ node }) => node));
  if (differentNodes && nodes.size < Math.min(min, found.length)) {
    return bad(
      `the ${found.length} endpoints of ${namespace}/${service} are on ${count(nodes.size, "node")}: ${[...nodes].join(", ")}`,
      "one node takes all of them with it: set anti-affinity",
    );
  }
  return good(`${count(found.length, "ready endpoint")} on ${count(nodes.size, "node")}`);
}

export async function checkNodes(
  cluster: Cluster,
  settings: CheckSettings["nodes"],
): Promise<CheckOutcome> {
  const nodes = await nodesOf(cluster);
  const ready = nodes.filter((node) => node.ready);
  if (ready.length < settings.ready) {
    const missing = nodes.filter((node) => !node.ready).map(({ name }) => name);
    return bad(
      `${ready.length} of ${settings.ready} nodes are Ready${missing.length > 0 ? ` (not: ${missing.join(", ")})` : ""}`,
    );
  }
  const pressed = ready.find(({ pressures }) => pressures.length > 0);
  if (pressed !== undefined) return bad(`node ${pressed.name} has ${pressed.pressures.join(", ")}`);
  return good(`${ready.length} nodes Ready`);
}

export async function checkEtcd(
  cluster: Cluster,
  settings: CheckSettings["etcd"] & { readonly timeout: number },
): Promise<CheckOutcome> {
  const members = await etcdMembers(cluster, settings.timeout);
  const voters = members.filter(({ learner }) => !learner);
  if (voters.length !== settings.voters) {
    return bad(`etcd has ${count(voters.length, "voter")}, ${settings.voters} expected`);
  }
  const serving = await Promise.all(
    voters.map((member) => memberServes(cluster, member, settings.timeout)),
  );
  const dead = voters.filter((_, index) => serving[index] !== true).map(({ name }) => name);
  if (dead.length > 0) {
    return bad(
      `of etcd's ${count(voters.length, "voter")} ${dead.join(", ")} ${dead.length === 1 ? "does" : "do"} not serve`,
      "look at that server: journalctl -u k3s",
    );
  }
  const nodes = await nodesOf(cluster);
  const silent = nodes.filter(({ etcdVoter }) => etcdVoter === false).map(({ name }) => name);
  if (silent.length > 0) return bad(`not a voter: ${silent.join(", ")}`);
  return good(`${voters.length} voters`);
}

export async function checkReadyz(
  { host, server }: Cluster,
  timeout: number,
): Promise<CheckOutcome> {
  const result = await host.run(
    [server.k3s, "kubectl", "get", "--raw=/readyz?verbose", `--kubeconfig=${server.kubeconfig}`],
    { timeout, env: { K3S_DATA_DIR: server.dataDir } },
  );
  const failed = result.stdout.split("\n").filter((line) => line.startsWith("[-]"));
  const text = `${result.stdout}${result.stderr}`;
  const passed = result.stdout.split("\n").filter((line) => line.startsWith("[+]")).length;
  if (result.exitCode === 0 && failed.length === 0 && passed > 0) {
    return good(`API server ready, ${count(passed, "check")}`);
  }
  const first = failed[0] ?? text.trim().split("\n").at(-1) ?? "";
  return bad(`the API server is not ready (${first.slice(0, 200)})`, "look at: journalctl -u k3s");
}

/** A request as the world makes it; `host` picks the route. */
export async function checkHttp(
  settings: CheckSettings["http"] & { readonly timeout: number },
): Promise<CheckOutcome> {
  const answer = await httpRequest(settings.url, {
    timeout: settings.timeout,
    anyCertificate: settings.anyCertificate,
    ...(settings.host === undefined ? {} : { headers: { host: settings.host } }),
  });
  if (answer.status !== settings.status)
    return bad(`${settings.url} answers ${answer.status} instead of ${settings.status}`);
  if (settings.contains !== undefined && !answer.body.includes(settings.contains)) {
    return bad(`${settings.url} answers ${answer.status} without the expected text`);
  }
  return good(`${settings.url} answers ${answer.status}`);
}

/** The cluster, or the reason why a check of it cannot run. */
export function needCluster(cluster: Cluster | undefined): Cluster {
  if (cluster !== undefined) return cluster;
  throw new OperatorError(
    "precondition",
    "NO_CLUSTER",
    "this check asks the cluster, and none is at hand",
    {
      hint: "run it on a K3s server",
    },
  );
}
