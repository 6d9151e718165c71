/** The node of this server lives: its lease was renewed since the restore began. */
import { field, itemsIn } from "../json.ts";
import { waitFor } from "../service.ts";
import { tryValue } from "./api.ts";
import { isOwnNode, nameOf } from "./node-names.ts";
import type { Host } from "../../sys/host.ts";
import type { HealthCheck, HealthExpectation } from "./types.ts";

/** How long the node of a server that is ready may take until its heartbeat is new. */
const HEARTBEAT_TIMEOUT = 90_000;
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

export async function checkHeartbeat(
  host: Host,
  expected: HealthExpectation,
): Promise<HealthCheck> {
  const id = "heartbeat";
  if (expected.settings.one("disable-agent") === "true") {
    return { id, passed: true, detail: "no agent on this server, so no heartbeat to wait for" };
  }
  const first = new Map<string, string>();
  const fresh = await waitFor(host, () => freshLease(host, { ...expected, first }), {
    timeout: HEARTBEAT_TIMEOUT,
    interval: 500,
  });
  if (fresh !== undefined) return { id, passed: true, detail: `node ${fresh} alive` };
  return {
    id,
    passed: false,
    detail: `this server's node has sent no heartbeat since the restore began (node ${expected.nodeName})`,
  };
}

/**
 * This server's own node. Where no lease has its name (a cloud may name nodes as it
 * likes) any node renewed since will do. On a host whose clock stands before the
 * backup every lease in the snapshot seems new: then only one that changes under
 * our eyes counts.
 */
async function freshLease(
  host: Host,
  expected: HealthExpectation & { readonly first: Map<string, string> },
): Promise<string | undefined> {
  const { first } = expected;
  const clockIsRight = expected.since > expected.taken;
  const leases = itemsIn(await tryValue(host, expected.settings, LEASES));
  const own = leases.filter((lease) => isOwnNode(nameOf(lease) ?? "", { host, expected }));
  for (const lease of own.length > 0 ? own : leases) {
    const renewed = field(field(lease, "spec"), "renewTime");
    const name = nameOf(lease);
    if (typeof renewed !== "string" || name === undefined) continue;
    const seen = first.get(name);
    if (seen === undefined) first.set(name, renewed);
    const changed = seen !== undefined && seen !== renewed;
    if (changed || (clockIsRight && new Date(renewed) > expected.since)) return name;
  }
  return undefined;
}
