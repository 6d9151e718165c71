/** The helm releases are there at the revisions the backup recorded. */
import { count } from "../../words.ts";
import { waitFor } from "../service.ts";
import { ANSWER_TIMEOUT, NO_ANSWER } from "./api.ts";
import type { Host } from "../../sys/host.ts";
import type { Settings } from "../settings.ts";
import type { HealthCheck, HealthExpectation } from "./types.ts";

/** More revisions than recorded are no fault: K3s's helm-controller may have begun to upgrade. */
export async function checkReleases(host: Host, expected: HealthExpectation): Promise<HealthCheck> {
  const id = "helm";
  if (expected.releases.length === 0) return { id, passed: true, detail: "no helm releases" };
  const found = await waitFor(host, () => releaseNames(host, expected.settings), {
    timeout: ANSWER_TIMEOUT,
    interval: 500,
  });
  if (found === undefined) return { id, passed: false, detail: NO_ANSWER };
  const missing = expected.releases.filter(
    ({ namespace, name, revision }) => !found.has(`${namespace}/${name}/${revision}`),
  );
  const [first] = missing;
  if (first === undefined)
    return { id, passed: true, detail: count(expected.releases.length, "helm release") };
  return {
    id,
    passed: false,
    detail: `helm release ${first.namespace}/${first.name} revision ${first.revision} is not there`,
  };
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
