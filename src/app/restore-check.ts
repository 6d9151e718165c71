/** The health gate of a restore: what the archive says, held against the cluster that runs now. */
import { OperatorError } from "../errors.ts";
import { checkHealth } from "../k3s/health.ts";
import { readSettings } from "../k3s/settings.ts";
import { hasRelease } from "./archived-release.ts";
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
  const { context, plan, manifest } = input;
  const { kind, revision } = manifest.datastore;
  const report = await checkHealth(context.host, {
    settings: await readSettings({ dataDir: plan.dataDir }),
    since: new Date(plan.started),
    taken: new Date(manifest.created),
    datastore: kind,
    revision,
    nodeName: manifest.host.nodeName,
    serverCa: input.serverCa,
    canaries: manifest.canaries ?? [],
    releases: manifest.helm,
    isArchived: (release) =>
      hasRelease(input.datastore, release, { kind, signal: context.host.signal }),
  });
  for (const { code, message, hint } of report.warnings) {
    context.talk({ type: "warning", code, message, ...(hint === undefined ? {} : { hint }) });
  }
  const failed = report.checks.filter(({ passed }) => !passed);
  if (failed.length > 0) {
    throw new OperatorError(
      "error",
      "HEALTH",
      `the restored cluster is not well: ${failed.map(({ detail }) => detail).join("; ")}`,
      { hint: "look at: journalctl -u k3s" },
    );
  }
  return report.checks.map(({ detail }) => detail).join(", ");
}
