/** Load balancer Services: each has an address, and K3s's ServiceLB runs for it (facts/operations.md 5.1, row 6). */
import { count } from "../../words.ts";
import { fail, ok, skip } from "./check.ts";
import { fullName, listAt, numberAt, objectsAt, some, textAt } from "./objects.ts";
import type { SmokeCheck, SmokeOutcome } from "./check.ts";

export const serviceLb: SmokeCheck = {
  id: "service-lb",
  timeout: 20_000,
  hint: "look at: k3s kubectl get services,daemonsets -A",
  async run({ cluster }) {
    const services = await objectsAt(cluster, "/api/v1/services");
    const sets = await objectsAt(
      cluster,
      "/apis/apps/v1/daemonsets",
      "svccontroller.k3s.cattle.io/svcname",
    );
    return judgeBalancers(services, sets);
  },
};

export function judgeBalancers(
  services: readonly unknown[],
  daemonSets: readonly unknown[],
): SmokeOutcome {
  const balanced = services.filter((one) => textAt(one, "spec", "type") === "LoadBalancer");
  if (balanced.length === 0) return skip("there is no Service of type LoadBalancer");
  const without = balanced.filter((one) =>
    listAt(one, "status", "loadBalancer", "ingress").every(
      (entry) => textAt(entry, "ip") === "" && textAt(entry, "hostname") === "",
    ),
  );
  if (without.length > 0) {
    return fail(
      `without an address: ${some(without.map(fullName))}`,
      "is its port taken on every node? Look at: k3s kubectl -n kube-system get pods -o wide | grep svclb",
    );
  }
  for (const set of daemonSets) {
    const wanted = numberAt(set, "status", "desiredNumberScheduled");
    const ready = numberAt(set, "status", "numberReady");
    if (wanted === 0)
      return fail(
        `${fullName(set)} fits no node`,
        "look at the nodes' labels svccontroller.k3s.cattle.io/enablelb",
      );
    if (ready < wanted) {
      return fail(
        `${fullName(set)} is ready on ${ready} of ${wanted} nodes`,
        `look at: k3s kubectl -n kube-system describe daemonset ${textAt(set, "metadata", "name")}`,
      );
    }
  }
  const by = daemonSets.length === 0 ? ", none of them by K3s's ServiceLB" : "";
  return ok(`${count(balanced.length, "load balancer Service")} with an address${by}`);
}
