/** The health gate of a restore: what the archive says, held against the cluster that runs now. */
import { checkHealth } from "../k3s/health.ts";
import { nodeNameOf, readSettings } from "../k3s/settings.ts";
import { hasRelease } from "./archived-release.ts";
import { leftBehind } from "./left-behind.ts";
import { checkMending, notWell } from "./restore-trouble.ts";
import type { HealthReport } from "../k3s/health.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Context } from "./context.ts";
import type { RestorePlan } from "./journal.ts";

export interface CheckInput {
  readonly context: Context;
  readonly plan: RestorePlan;
  readonly manifest: Manifest;
  /** PEM of the server CA in the bootstrap data. */
  readonly serverCa: string;
  /** Path of the staged datastore. */
  readonly datastore: string;
}

/**
 * Throws an OperatorError `HEALTH` with every reason when a check fails; says
 * warnings. Gives what was seen, in phrases.
 */
export async function checkRestored(input: CheckInput): Promise<string> {
  const { context, plan } = input;
  const settings = await readSettings({ dataDir: plan.dataDir });
  const nodeName = nodeNameOf(settings, context.host);
  const since = new Date(plan.started);
  const report = await checkMending(input, () => healthOf(input, { settings, nodeName, since }));
  for (const { code, message, hint } of report.warnings) {
    context.talk({ type: "warning", code, message, ...(hint === undefined ? {} : { hint }) });
  }
  if (report.checks.some(({ passed }) => !passed)) {
    throw await notWell(context, report, { settings, nodeName, keep: plan.keep });
  }
  for (const warning of await leftBehind(context, { settings, since, nodeName })) {
    context.talk({ type: "warning", ...warning });
  }
  return report.checks.map(({ detail }) => detail).join(", ");
}

function healthOf(
  { context, manifest, serverCa, datastore }: CheckInput,
  at: { readonly settings: Settings; readonly nodeName: string; readonly since: Date },
): Promise<HealthReport> {
  const { kind, revision } = manifest.datastore;
  return checkHealth(context.host, {
    ...at,
    taken: new Date(manifest.created),
    datastore: kind,
    revision,
    serverCa,
    canaries: manifest.canaries ?? [],
    releases: manifest.helm,
    isArchived: (release) => hasRelease(datastore, release, { kind, signal: context.host.signal }),
  });
}
