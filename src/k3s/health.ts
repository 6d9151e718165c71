/** Whether a server that was restored is the one that was backed up, and well: ready alone is not enough. */
import { checkCanaries } from "./health/canary.ts";
import { unreadyDeployments } from "./health/deployments.ts";
import { checkAuthority, checkDatastore } from "./health/files.ts";
import { checkHeartbeat } from "./health/heartbeat.ts";
import { checkReleases } from "./health/helm.ts";
import { checkReady } from "./health/ready.ts";
import { checkRevision } from "./health/revision.ts";
import { checkVoter } from "./health/voter.ts";
import { checkWatch } from "./health/watch.ts";
import type { Host } from "../sys/host.ts";
import type { HealthExpectation, HealthReport } from "./health/types.ts";

export type { HealthCheck, HealthExpectation, HealthReport } from "./health/types.ts";

/**
 * Waits for the server, then runs the checks. Those that have to wait for something
 * to come are left out once it is clear that this is not the restored cluster: on
 * the way back no minute is to be lost.
 */
export async function checkHealth(host: Host, expected: HealthExpectation): Promise<HealthReport> {
  const ready = await checkReady(host, expected.settings);
  if (!ready.passed) return { checks: [ready, await checkDatastore(expected)], warnings: [] };
  const canaries = await checkCanaries(host, expected);
  const identity = [
    ready,
    await checkDatastore(expected),
    await checkAuthority(expected),
    await checkRevision(host, expected),
    canaries.check,
  ];
  if (identity.some(({ passed }) => !passed)) return { checks: identity, warnings: [] };
  const waiting = await Promise.all([
    checkHeartbeat(host, expected),
    ...(expected.datastore === "etcd" ? [checkVoter(host, expected)] : []),
    checkWatch(host, expected),
  ]);
  const releases = await checkReleases(host, expected);
  const deployments = await unreadyDeployments(host, expected.settings);
  return {
    checks: [...identity, ...waiting, releases.check],
    warnings: [...canaries.warnings, ...releases.warnings, ...deployments],
  };
}
