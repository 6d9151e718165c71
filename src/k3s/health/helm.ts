/** The helm releases are there at the revisions the backup recorded. */
import { count } from "../../words.ts";
import { waitFor } from "../service.ts";
import { ANSWER_TIMEOUT, NO_ANSWER } from "./api.ts";
import type { Host } from "../../sys/host.ts";
import type { Settings } from "../settings.ts";
import type { CheckResult, HealthExpectation, HealthWarning } from "./types.ts";

/**
 * More revisions than recorded are no fault: K3s's helm-controller may have begun to
 * upgrade. One that was made while the backup was taken, and is in the manifest
 * alone, only warns: no restore could bring it back.
 */
export async function checkReleases(host: Host, expected: HealthExpectation): Promise<CheckResult> {
  const { releases, settings } = expected;
  if (releases.length === 0) return passed("no helm releases");
  const found = await waitFor(host, () => releaseNames(host, settings), {
    timeout: ANSWER_TIMEOUT,
    interval: 500,
  });
  if (found === undefined) return failed(NO_ANSWER);
  const warnings: HealthWarning[] = [];
  for (const release of releases) {
    const { namespace, name, revision } = release;
    if (found.has(`${namespace}/${name}/${revision}`)) continue;
    const words = `helm release ${namespace}/${name} revision ${revision}`;
    if (await expected.isArchived(release)) return failed(`${words} is not there`);
    warnings.push({
      code: "HELM_NOT_ARCHIVED",
      message: `${words} was made while the backup was taken, and is not in its database`,
      hint: `see what is there, and upgrade again: helm -n ${namespace} history ${name}`,
    });
  }
  const there = releases.length - warnings.length;
  return { ...passed(count(there, "helm release")), warnings };
}

function passed(detail: string): CheckResult {
  return { check: { id: "helm", passed: true, detail }, warnings: [] };
}

function failed(detail: string): CheckResult {
  return { check: { id: "helm", passed: false, detail }, warnings: [] };
}

/** `namespace/name/revision` of every release record; undefined when the API server does not answer. */
async function releaseNames(
  host: Host,
  settings: Settings,
): Promise<ReadonlySet<string> | undefined> {
  const found = new Set<string>();
  for (const kind of ["secrets", "configmaps"]) {
    // Names alone: the records themselves may be hundreds of megabytes.
    const columns =
      "custom-columns=NS:.metadata.namespace,NAME:.metadata.labels.name,REV:.metadata.labels.version";
    const result = await host.run(
      [
        settings.k3s,
        "kubectl",
        "get",
        kind,
        "-A",
        "--selector=owner=helm",
        `--output=${columns}`,
        "--no-headers",
        `--kubeconfig=${settings.kubeconfig}`,
      ],
      { timeout: ANSWER_TIMEOUT, env: { K3S_DATA_DIR: settings.dataDir } },
    );
    if (result.exitCode !== 0) return undefined;
    for (const line of result.stdout.split("\n")) found.add(line.trim().replace(/\s+/g, "/"));
  }
  return found;
}
