/** The act of a drill: what is ended, and how it is put back when it does not come back by itself. */
import { OperatorError } from "../../errors.ts";
import { tailOf } from "../../sys/exec.ts";
import { UNINTERRUPTED } from "../../sys/host.ts";
import { podsOf } from "../cluster.ts";
import { nodeOf, podOf } from "../resolve/target.ts";
import { killFailed } from "./failed.ts";
import { processVictim } from "./process.ts";
import { serviceVictim } from "./service.ts";
import type { Host } from "../../sys/host.ts";
import type { Cluster, Pod } from "../cluster.ts";
import type { KillSpec } from "../drill/kill-schema.ts";
import type { Primary } from "../resolve/target.ts";

export interface Victim {
  /** For people: "pod db/pg-0", "k3s.service on s2". */
  readonly text: string;
  /** Labels of the pod or node, for the guard. */
  readonly labels: Readonly<Record<string, string>>;
  /** Throws an OperatorError `KILL_FAILED`. */
  kill(): Promise<void>;
  /** Whether it is gone, or began anew; absent where nobody can tell. What throws counts as no. */
  gone?(): Promise<boolean>;
  /** Puts back what does not come back by itself; safe to call when nothing was killed. */
  putBack(): Promise<void>;
  /** The command that puts it back by hand, for when `putBack` fails; absent where that does nothing. */
  readonly byHand?: string;
}

export interface KillInput {
  readonly host: Host;
  readonly cluster: Cluster | undefined;
  readonly namespace: string | undefined;
  readonly primary: Primary;
}

const nothing = (): Promise<void> => Promise.resolve();

/** Finds out what would be killed; kills nothing yet. */
export async function victimOf(spec: KillSpec, input: KillInput): Promise<Victim> {
  switch (spec.method) {
    case "pod-delete":
    case "pod-signal":
      return await podVictim(spec, input);
    case "node-drain":
      return await nodeVictim(spec, input);
    case "service-stop":
    case "service-kill":
    case "server-off":
      return serviceVictim(spec, input);
    case "process":
      return processVictim(spec, input.primary);
  }
}

function requireCluster(cluster: Cluster | undefined): Cluster {
  if (cluster !== undefined) return cluster;
  throw new OperatorError(
    "precondition",
    "NO_CLUSTER",
    "this drill kills a pod or node, and no cluster is at hand",
    {
      hint: "run it on a K3s server",
    },
  );
}

async function kubectl(cluster: Cluster, args: readonly string[], timeout: number): Promise<void> {
  const { host, server } = cluster;
  const command = [server.k3s, "kubectl", ...args, `--kubeconfig=${server.kubeconfig}`];
  const result = await host.run(command, {
    env: { K3S_DATA_DIR: server.dataDir },
    timeout,
    signal: UNINTERRUPTED,
  });
  if (result.exitCode !== 0) throw killFailed(tailOf(result));
}

async function podVictim(
  spec: Extract<KillSpec, { method: "pod-delete" | "pod-signal" }>,
  input: KillInput,
): Promise<Victim> {
  const cluster = requireCluster(input.cluster);
  const namespace = input.namespace ?? "default";
  const pod: Pod = await podOf(cluster, { namespace, primary: input.primary });
  const where = `--namespace=${namespace}`;
  const kill = (): Promise<void> => {
    if (spec.method === "pod-delete") {
      const grace = Math.round(spec.gracePeriod / 1000);
      const force = grace === 0 ? ["--force"] : [];
      return kubectl(
        cluster,
        ["delete", "pod", pod.name, where, `--grace-period=${grace}`, ...force, "--wait=false"],
        60_000,
      );
    }
    const container = spec.container === undefined ? [] : [`--container=${spec.container}`];
    // kill is a word of every shell; a container need not have the program.
    const word = `kill -${spec.signal} ${spec.process}`;
    return kubectl(
      cluster,
      ["exec", pod.name, where, ...container, "--", "sh", "-c", word],
      60_000,
    );
  };
  const victim = {
    text: `pod ${namespace}/${pod.name}`,
    labels: pod.labels,
    kill,
    putBack: nothing,
  };
  if (spec.method !== "pod-delete") return victim;
  const gone = async (): Promise<boolean> =>
    (await podsOf(cluster, { namespace })).every(({ uid }) => uid !== pod.uid);
  return { ...victim, gone };
}

async function nodeVictim(
  spec: Extract<KillSpec, { method: "node-drain" }>,
  input: KillInput,
): Promise<Victim> {
  const cluster = requireCluster(input.cluster);
  const namespace = input.namespace ?? "default";
  const found =
    (await nodeOf(cluster, input.primary)) ??
    (await nodeOf(cluster, {
      ...input.primary,
      name: (await podOf(cluster, { namespace, primary: input.primary })).node,
    }));
  if (found === undefined) {
    throw new OperatorError(
      "precondition",
      "NODE_NOT_FOUND",
      `no node belongs to the primary ${input.primary.name}`,
      {
        hint: "nothing was killed; the nodes are: k3s kubectl get nodes -o wide; who is primary: target in the drill file",
      },
    );
  }
  const grace = Math.round(spec.gracePeriod / 1000);
  return {
    text: `node ${found.name}`,
    labels: found.labels,
    kill: () =>
      kubectl(
        cluster,
        [
          "drain",
          found.name,
          "--ignore-daemonsets",
          "--delete-emptydir-data",
          "--force",
          `--grace-period=${grace}`,
        ],
        300_000,
      ),
    // A node that was cordoned before stays so: somebody had a reason.
    byHand: `k3s kubectl uncordon ${found.name}`,
    putBack: () =>
      found.schedulable ? kubectl(cluster, ["uncordon", found.name], 60_000) : nothing(),
  };
}
