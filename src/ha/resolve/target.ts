/** Who is the primary now: by asking the component itself, never by a name in a file. */
import { OperatorError, messageOf } from "../../errors.ts";
import { httpRequest } from "../../sys/http.ts";
import { databaseAddress, passwordOf, reach, splitAddress } from "../addresses.ts";
import { nodesOf, podsOf } from "../cluster.ts";
import { etcdLeader } from "./etcd.ts";
import { leaseHolder } from "./lease.ts";
import { leaderOf, patroniMembers } from "./patroni.ts";
import { poolNodes, primaryOf } from "./pgpool.ts";
import { masterAddress } from "./sentinel.ts";
import type { Cluster } from "../cluster.ts";
import type { TargetSpec } from "../drill/target-schema.ts";

/** Whoever holds the role, as the component names it. */
export interface Primary {
  /** Pod, node, member or host name; equal names mean the same holder. */
  readonly name: string;
  /** Host or address, where the component gives one. */
  readonly host: string;
  readonly port: number | undefined;
}

export interface ResolveInput {
  readonly cluster: Cluster | undefined;
  readonly namespace: string | undefined;
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/** Undefined: there is none at the moment. Throws an OperatorError `TARGET_UNREACHABLE` when nobody answers. */
export async function resolvePrimary(
  spec: TargetSpec,
  input: ResolveInput,
): Promise<Primary | undefined> {
  try {
    return await resolveOnce(spec, input);
  } catch (cause) {
    input.signal.throwIfAborted();
    if (cause instanceof OperatorError) throw cause;
    // The clients' messages hold neither passwords nor data.
    throw new OperatorError(
      "precondition",
      "TARGET_UNREACHABLE",
      `nobody could be asked who is the primary (${spec.resolve}: ${messageOf(cause)})`,
      {
        hint: "nothing was killed; check the addresses and passwords of target in the drill file",
        cause,
      },
    );
  }
}

async function resolveOnce(spec: TargetSpec, input: ResolveInput): Promise<Primary | undefined> {
  const { cluster, timeout } = input;
  switch (spec.resolve) {
    case "pgpool": {
      const node = primaryOf(await poolNodes(await databaseAddress(cluster, spec), input));
      return node === undefined
        ? undefined
        : { name: `${node.host}:${node.port}`, host: node.host, port: node.port };
    }
    case "patroni": {
      const leader = leaderOf(await patroniMembers(spec.members, { timeout }));
      return leader === undefined
        ? undefined
        : { name: leader.name, host: leader.host, port: leader.port };
    }
    case "sentinel": {
      const sentinels = await Promise.all(spec.sentinels.map((one) => reach(cluster, one)));
      const password = await passwordOf(cluster, spec.passwordFrom);
      const found = await masterAddress(sentinels, { master: spec.master, timeout, password });
      return { name: `${found.host}:${found.port}`, ...found };
    }
    case "lease": {
      const holder = await leaseHolder(needed(cluster), spec);
      if (holder === undefined) return undefined;
      return { name: holder, host: await addressOf(needed(cluster), holder), port: undefined };
    }
    case "etcd-leader": {
      const leader = await etcdLeader(needed(cluster), timeout);
      return leader === undefined ? undefined : { ...leader, port: undefined };
    }
    case "pod": {
      const pods = await podsOf(needed(cluster), {
        namespace: input.namespace ?? "default",
        selector: spec.selector,
      });
      const [first] = pods
        .filter(({ ready }) => ready)
        .toSorted((left, right) => (left.name < right.name ? -1 : 1));
      return first === undefined
        ? undefined
        : { name: first.uid, host: first.address, port: undefined };
    }
    case "http-header": {
      const answer = await httpRequest(spec.url, {
        timeout,
        anyCertificate: spec.anyCertificate,
        ...(spec.host === undefined ? {} : { headers: { host: spec.host } }),
      });
      const name = answer.headers.get(spec.header.toLowerCase());
      return name === undefined
        ? undefined
        : { name, host: splitAddress(`${name}:0`).host, port: undefined };
    }
    case "fixed":
      return { name: spec.name, host: spec.name, port: undefined };
  }
}

/** Where the holder of a Lease is reached: Kubernetes' controllers hold one under their node's name. */
async function addressOf(cluster: Cluster, holder: string): Promise<string> {
  const node = (await nodesOf(cluster)).find(({ name }) => name === holder);
  return node?.addresses[0] ?? holder;
}

function needed(cluster: Cluster | undefined): Cluster {
  if (cluster !== undefined) return cluster;
  throw new OperatorError(
    "precondition",
    "NO_CLUSTER",
    "this drill asks the cluster, and none is at hand",
    {
      hint: "run it on a K3s server",
    },
  );
}

/** The pod behind a primary: by its address, or by the first part of its host name, as in a StatefulSet. */
export async function podOf(
  cluster: Cluster,
  options: { readonly namespace: string; readonly primary: Primary },
) {
  const { primary, namespace } = options;
  const pods = await podsOf(cluster, { namespace });
  const short = primary.host.split(".")[0];
  const found = pods.find(
    ({ uid, address, name }) =>
      uid === primary.name || address === primary.host || name === short || name === primary.name,
  );
  if (found !== undefined) return found;
  throw new OperatorError(
    "precondition",
    "POD_NOT_FOUND",
    `the primary is ${primary.name}, and no pod in ${namespace} has that name or address`,
    { hint: `see: k3s kubectl -n ${namespace} get pods -o wide` },
  );
}

/** The node of that name or address. */
export async function nodeOf(cluster: Cluster, primary: Primary) {
  const nodes = await nodesOf(cluster);
  return nodes.find(
    ({ name, addresses }) => name === primary.name || addresses.includes(primary.host),
  );
}
