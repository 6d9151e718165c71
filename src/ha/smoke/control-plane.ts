/** API server, nodes and etcd (facts/operations.md 5.1, rows 1 to 3). */
import { detectDatastore } from "../../k3s/datastore-kind.ts";
import { count } from "../../words.ts";
import { checkReadyz } from "../checks/cluster.ts";
import { nodesOf } from "../cluster.ts";
import { etcdHealth, etcdMembers } from "../resolve/etcd.ts";
import { fail, judged, ok, skip } from "./check.ts";
import { some } from "./objects.ts";
import type { EtcdMember } from "../resolve/etcd.ts";
import type { ClusterNode } from "../cluster.ts";
import type { SmokeCheck, SmokeOutcome } from "./check.ts";

export const readyz: SmokeCheck = {
  id: "readyz",
  timeout: 15_000,
  hint: "look at: journalctl -u k3s -n 50",
  run: async ({ cluster }) => judged(await checkReadyz(cluster, 14_000)),
};

export const nodes: SmokeCheck = {
  id: "nodes",
  timeout: 20_000,
  hint: "look at: k3s kubectl get nodes -o wide",
  run: async ({ cluster, nodes: declared }) => judgeNodes(await nodesOf(cluster), declared),
};

/** All of them Ready, without pressure, schedulable, and as many as declared. */
export function judgeNodes(
  found: readonly ClusterNode[],
  declared: number | undefined,
): SmokeOutcome {
  const names = (list: readonly ClusterNode[]): string => some(list.map(({ name }) => name));
  const silent = found.filter(({ ready }) => !ready);
  if (silent.length > 0) {
    return fail(
      `not Ready: ${names(silent)}`,
      `look at: k3s kubectl describe node ${silent[0]?.name ?? ""}`,
    );
  }
  const pressed = found.find(({ pressures }) => pressures.length > 0);
  if (pressed !== undefined) {
    return fail(
      `node ${pressed.name} has ${pressed.pressures.join(", ")}`,
      `free what runs out there, then look at: k3s kubectl describe node ${pressed.name}`,
    );
  }
  const cordoned = found.filter(({ schedulable }) => !schedulable);
  if (cordoned.length > 0) {
    return fail(
      `no pods may be put on ${names(cordoned)}`,
      `when the work on it is done: k3s kubectl uncordon ${cordoned[0]?.name ?? ""}`,
    );
  }
  if (found.length === 0) return fail("the cluster has no nodes");
  if (declared !== undefined && found.length !== declared) {
    return fail(
      `${count(found.length, "node")}, ${declared} expected: ${names(found)}`,
      "bring back the one that is missing, or give the right number with --nodes",
    );
  }
  const much = declared === undefined ? " (how many there should be: --nodes N)" : "";
  return ok(`${count(found.length, "node")} Ready, without pressure, open for pods${much}`);
}

export const etcd: SmokeCheck = {
  id: "etcd",
  timeout: 20_000,
  hint: "look at: journalctl -u k3s, and at the disk below server/db/etcd",
  async run({ cluster, settings }) {
    const datastore = await detectDatastore(settings);
    if (datastore.kind === "sqlite") return skip("the datastore is SQLite, there is no etcd");
    if (datastore.kind === "external")
      return skip(`the datastore is external (${datastore.driver})`);
    if (datastore.kind !== "etcd") return fail("there is no datastore on this host");
    const members = await etcdMembers(cluster, 10_000);
    const problem = problemOfMembers(members, await nodesOf(cluster));
    if (problem !== undefined) return problem;
    if (!(await etcdHealth(cluster, 10_000)))
      return fail("etcd on this host says it is not healthy");
    return ok(`${count(members.length, "voter")}, healthy here`);
  },
};

/** No learner, an odd number of voters, and each server's own condition says the same (K3s sets `EtcdIsVoter` since 1.26.11). */
export function problemOfMembers(
  members: readonly EtcdMember[],
  found: readonly ClusterNode[],
): SmokeOutcome | undefined {
  const learners = members.filter(({ learner }) => learner).map(({ name }) => name);
  if (learners.length > 0)
    return fail(`still a learner: ${some(learners)}`, "wait a minute and look again");
  const silent = found.filter(({ etcdVoter }) => etcdVoter === false).map(({ name }) => name);
  if (silent.length > 0) return fail(`not a voter: ${some(silent)}`);
  if (members.length % 2 === 0) {
    return fail(
      `etcd has ${count(members.length, "voter")}: an even number stands no more losses than one less`,
      "add a server, or take one away",
    );
  }
  return undefined;
}
