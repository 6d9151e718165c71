/** Deployments of kube-system that are not available: said, and no reason to go back. */
import { field, itemsIn } from "../json.ts";
import { tryValue } from "./api.ts";
import type { Host } from "../../sys/host.ts";
import type { Settings } from "../settings.ts";
import type { HealthWarning } from "./types.ts";

/**
 * A warning, for two reasons. On the worst day images may have to be pulled and
 * nodes may come back one by one, which is no fault of the restored data. And what a
 * Deployment says right after a restore is what it said in the backup, until a
 * kubelet has looked at its pods: waiting for "available" would wait for nothing.
 */
export async function unreadyDeployments(
  host: Host,
  settings: Settings,
): Promise<readonly HealthWarning[]> {
  const path = "/apis/apps/v1/namespaces/kube-system/deployments";
  const items = itemsIn(await tryValue(host, settings, path));
  const names: string[] = [];
  for (const item of items) {
    const wanted = field(field(item, "spec"), "replicas");
    const available = field(field(item, "status"), "availableReplicas") ?? 0;
    const name = field(field(item, "metadata"), "name");
    if (typeof wanted === "number" && typeof available === "number" && available < wanted)
      names.push(String(name));
  }
  if (names.length === 0) return [];
  return [
    {
      code: "DEPLOYMENTS_PENDING",
      message: `not available yet in kube-system: ${names.join(", ")}`,
      hint: "they may only need some minutes: k3s kubectl -n kube-system get deployments",
    },
  ];
}
