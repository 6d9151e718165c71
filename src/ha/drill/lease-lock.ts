/** One drill at a time in a whole cluster: a Lease, besides the lock of this host. */
import { OperatorError } from "../../errors.ts";
import { field } from "../../k3s/json.ts";
import { kubectlJson } from "../../k3s/kubectl.ts";
import { tailOf } from "../../sys/exec.ts";
import { UNINTERRUPTED } from "../../sys/host.ts";
import type { Cluster } from "../cluster.ts";

const NAME = "railiance-drill";
const NAMESPACE = "kube-system";
/** A drill that died leaves its Lease; after that long it is nobody's. */
const STALE = 60 * 60_000;

/** Throws an OperatorError `DRILL_RUNNING` (exit locked) while another drill holds it. */
export async function takeLease(cluster: Cluster, holder: string): Promise<AsyncDisposable> {
  const { host, server } = cluster;
  const run = (args: readonly string[], input?: string) =>
    host.run([server.k3s, "kubectl", ...args, `--kubeconfig=${server.kubeconfig}`], {
      env: { K3S_DATA_DIR: server.dataDir },
      timeout: 30_000,
      signal: UNINTERRUPTED,
      ...(input === undefined ? {} : { input }),
    });
  const lease = JSON.stringify({
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: NAME, namespace: NAMESPACE },
    spec: { holderIdentity: holder, acquireTime: `${host.now().toISOString().slice(0, -1)}000Z` },
  });
  const create = () => run(["create", "-f", "-"], lease);
  let result = await create();
  if (result.exitCode !== 0 && result.stderr.includes("AlreadyExists")) {
    await refuseFresh(cluster);
    await run(["delete", "lease", NAME, `--namespace=${NAMESPACE}`, "--ignore-not-found"]);
    result = await create();
  }
  if (result.exitCode !== 0) {
    throw new OperatorError(
      "precondition",
      "NO_LEASE",
      `the drill's Lease cannot be made (${tailOf(result, 1)})`,
    );
  }
  return {
    async [Symbol.asyncDispose]() {
      // The cluster may be away after a failed drill; the Lease then becomes stale by itself.
      await run(["delete", "lease", NAME, `--namespace=${NAMESPACE}`, "--ignore-not-found"]);
    },
  };
}

async function refuseFresh({ host, server }: Cluster): Promise<void> {
  const args = ["get", "lease", NAME, `--namespace=${NAMESPACE}`, "--output=json"];
  const spec = field(await kubectlJson(host, server, args, { timeout: 15_000 }), "spec");
  const taken = field(spec, "acquireTime");
  const age = typeof taken === "string" ? host.now().getTime() - new Date(taken).getTime() : STALE;
  if (age >= STALE) return;
  throw new OperatorError(
    "locked",
    "DRILL_RUNNING",
    `another drill is running in this cluster (${String(field(spec, "holderIdentity"))})`,
    {
      hint: `wait until it has ended; if it died: k3s kubectl -n ${NAMESPACE} delete lease ${NAME}`,
    },
  );
}
