/** A client sees the restored cluster: it lists, watches from there, and a change arrives. */
import { field, textIn } from "../json.ts";
import { pause } from "../../sys/pause.ts";
import { tryValue } from "./api.ts";
import { watchUntil } from "../watch.ts";
import type { Host } from "../../sys/host.ts";
import type { Settings } from "../settings.ts";
import type { HealthCheck, HealthExpectation } from "./types.ts";

/** Kubelets renew their lease every 10 s, leaders every 2: so nothing has to be written to see a change. */
const LEASES = "/apis/coordination.k8s.io/v1/leases";
const WATCH_TIMEOUT = 60_000;

/**
 * First as a client that knows the revision of the backup: what happened since is
 * then told at once. When the API server has that no more (410), as a client that
 * lists anew. K3s restores without a jump of the revision (etcd#16028), so that a
 * list and a watch agree is not a matter of course here.
 */
export async function checkWatch(host: Host, expected: HealthExpectation): Promise<HealthCheck> {
  const id = "watch";
  const { settings } = expected;
  const deadline = host.monotonic() + WATCH_TIMEOUT;
  // Half of the time for the first try: where the numbers do not agree it hears nothing at all.
  let from: number | undefined = expected.revision;
  let limit = WATCH_TIMEOUT / 2;
  let problem = "no change arrived";
  for (;;) {
    const left = Math.min(limit, deadline - host.monotonic());
    if (left <= 0) break;
    const change =
      from === undefined ? undefined : await changeAfter(host, settings, { from, left });
    if (change !== undefined && "lease" in change) {
      return {
        id,
        passed: true,
        detail: `a watch from revision ${from} sees lease ${change.lease}`,
      };
    }
    if (change !== undefined) problem = change.problem;
    await pause(500, host.signal);
    from = await listedRevision(host, settings);
    limit = WATCH_TIMEOUT;
  }
  const seconds = WATCH_TIMEOUT / 1000;
  return {
    id,
    passed: false,
    detail: `a watch did not see the restored cluster within ${seconds} s: ${problem}`,
  };
}

/** As an informer lists: from the API server's cache. */
async function listedRevision(host: Host, settings: Settings): Promise<number | undefined> {
  const list = await tryValue(host, settings, `${LEASES}?resourceVersion=0`);
  const revision = Number(field(field(list, "metadata"), "resourceVersion"));
  return Number.isSafeInteger(revision) && revision > 0 ? revision : undefined;
}

async function changeAfter(
  host: Host,
  settings: Settings,
  { from, left }: { readonly from: number; readonly left: number },
): Promise<{ readonly lease: string } | { readonly problem: string }> {
  let problem = "no change arrived";
  const path = `${LEASES}?watch=true&resourceVersion=${from}`;
  const lease = await watchUntil(host, settings, {
    path,
    timeout: left,
    take: ({ type, object }) => {
      const metadata = field(object, "metadata");
      if (type === "ERROR") problem = textIn(object, "message") ?? "an error";
      if (type !== "ADDED" && type !== "MODIFIED") return undefined;
      if (Number(field(metadata, "resourceVersion")) <= from) return undefined;
      return `${textIn(metadata, "namespace")}/${textIn(metadata, "name")}`;
    },
  });
  return lease === undefined ? { problem } : { lease };
}
