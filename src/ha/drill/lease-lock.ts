/** One drill at a time in a whole cluster: a Lease, besides the lock of this host. */
import { OperatorError } from "../../errors.ts";
import { field } from "../../k3s/json.ts";
import { kubectlJson } from "../../k3s/kubectl.ts";
import { tailOf } from "../../sys/exec.ts";
import { UNINTERRUPTED } from "../../sys/host.ts";
import type { Cluster } from "../cluster.ts";

const NAME = "railiance-drill";
const NAMESPACE = "kube-system";
const PATH = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${NAME}`;

export interface LeaseRequest {
  /** Who holds it, for the message that the next one gets. */
  readonly holder: string;
  /** Milliseconds that this drill takes at most: a Lease that is older is of one that died. */
  readonly longest: number;
}

/** Throws an OperatorError `DRILL_RUNNING` (exit locked) while another drill holds it, `NO_LEASE`. */
export async function takeLease(cluster: Cluster, request: LeaseRequest): Promise<AsyncDisposable> {
  const created = await send(cluster, ["create", "-f", "-"], leaseOf(cluster, request));
  if (created.exitCode !== 0) {
    if (!created.stderr.includes("AlreadyExists")) throw notTaken(tailOf(created, 1));
    // With the version that was seen: of two who find it stale, one gets it.
    const resourceVersion = await staleVersion(cluster);
    const lease = leaseOf(cluster, request, resourceVersion);
    const replaced = await send(cluster, ["replace", "-f", "-"], lease);
    if (replaced.exitCode !== 0) throw notTaken(tailOf(replaced, 1));
  }
  return { [Symbol.asyncDispose]: () => giveBack(cluster, request.holder) };
}

function leaseOf({ host }: Cluster, request: LeaseRequest, resourceVersion?: string): string {
  const metadata = { name: NAME, namespace: NAMESPACE };
  return JSON.stringify({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: resourceVersion === undefined ? metadata : { ...metadata, resourceVersion },
    spec: {
      holderIdentity: request.holder,
      leaseDurationSeconds: Math.ceil(request.longest / 1000),
      acquireTime: `${host.now().toISOString().slice(0, -1)}000Z`, // microseconds
    },
  });
}

function send({ host, server }: Cluster, args: readonly string[], input?: string) {
  return host.run([server.k3s, "kubectl", ...args, `--kubeconfig=${server.kubeconfig}`], {
    env: { K3S_DATA_DIR: server.dataDir },
    timeout: 30_000,
    signal: UNINTERRUPTED,
    ...(input === undefined ? {} : { input }),
  });
}

function notTaken(reason: string): OperatorError {
  return new OperatorError(
    "precondition",
    "NO_LEASE",
    `the drill's Lease cannot be made (${reason})`,
    { hint: `nothing was killed; see: k3s kubectl -n ${NAMESPACE} get lease ${NAME} -o yaml` },
  );
}

async function specNow({ host, server }: Cluster) {
  const lease = await kubectlJson(host, server, ["get", "--raw", PATH], { timeout: 15_000 });
  const spec = field(lease, "spec");
  const version = field(field(lease, "metadata"), "resourceVersion");
  return {
    holder: String(field(spec, "holderIdentity")),
    acquired: field(spec, "acquireTime"),
    seconds: Number(field(spec, "leaseDurationSeconds") ?? 3600),
    version: typeof version === "string" ? version : "",
  };
}

/** The version of a Lease that is nobody's any more. */
async function staleVersion(cluster: Cluster): Promise<string> {
  const { holder, acquired, seconds, version } = await specNow(cluster);
  const age =
    typeof acquired === "string"
      ? cluster.host.now().getTime() - new Date(acquired).getTime()
      : Number.POSITIVE_INFINITY;
  if (age >= seconds * 1000) return version;
  throw new OperatorError(
    "locked",
    "DRILL_RUNNING",
    `another drill is running in this cluster (${holder})`,
    {
      hint: `wait until it has ended; if it died: k3s kubectl -n ${NAMESPACE} delete lease ${NAME}`,
    },
  );
}

/** The cluster may be away after a failed drill; the Lease then becomes stale by itself. */
async function giveBack(cluster: Cluster, holder: string): Promise<void> {
  try {
    if ((await specNow(cluster)).holder !== holder) return;
    await send(cluster, [
      "delete",
      "lease",
      NAME,
      `--namespace=${NAMESPACE}`,
      "--ignore-not-found",
    ]);
  } catch {
    // As above.
  }
}
