/** Who holds a Lease: the leader of a controller. */
import { field } from "../../k3s/json.ts";
import { kubectlJson } from "../../k3s/kubectl.ts";
import type { Cluster } from "../cluster.ts";

/** `s1` of a holder identity `s1_3f…`; undefined when nobody holds it. Throws what `kubectlJson` throws. */
export async function leaseHolder(
  { host, server }: Cluster,
  lease: { readonly namespace: string; readonly name: string },
): Promise<string | undefined> {
  const args = ["get", "lease", lease.name, `--namespace=${lease.namespace}`, "--output=json"];
  const found = await kubectlJson(host, server, args, { timeout: 15_000 });
  const holder = field(field(found, "spec"), "holderIdentity");
  // Kubernetes' own controllers add `_` and a UUID to the host name.
  return typeof holder === "string" && holder !== ""
    ? holder.replace(/_[0-9a-f-]{36}$/, "")
    : undefined;
}
