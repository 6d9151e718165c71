/** Every helm release deployed (facts/operations.md 5.1, row 8). */
import { OperatorError } from "../../errors.ts";
import { tailOf } from "../../sys/exec.ts";
import { count } from "../../words.ts";
import { fail, ok, skip } from "./check.ts";
import { some } from "./objects.ts";
import type { Cluster } from "../cluster.ts";
import type { SmokeCheck, SmokeOutcome } from "./check.ts";

export interface ReleaseRow {
  readonly release: string;
  readonly revision: number;
  readonly status: string;
}

export const helm: SmokeCheck = {
  id: "helm",
  timeout: 30_000,
  hint: "look at: helm list -A --all; helm history RELEASE -n NAMESPACE",
  async run({ cluster }) {
    const rows: ReleaseRow[] = [];
    for (const resource of ["secrets", "configmaps"])
      rows.push(...(await rowsOf(cluster, resource)));
    return judgeReleases(rows);
  },
};

/**
 * kubectl's table asks the API server for names and labels only: the records
 * themselves, megabytes of them with passwords inside, never leave it.
 */
async function rowsOf({ host, server }: Cluster, resource: string): Promise<readonly ReleaseRow[]> {
  const command = [
    server.k3s,
    "kubectl",
    "get",
    resource,
    "--all-namespaces",
    "--selector=owner=helm",
    "--label-columns=name,version,status",
    "--no-headers",
    `--kubeconfig=${server.kubeconfig}`,
  ];
  const result = await host.run(command, {
    timeout: 12_000,
    env: { K3S_DATA_DIR: server.dataDir },
  });
  if (result.exitCode === 0) return parseRows(result.stdout);
  throw new OperatorError(
    "precondition",
    "KUBECTL_FAILED",
    `helm's records cannot be listed: ${tailOf(result, 1).slice(0, 200)}`,
    { hint: "look at: k3s kubectl get --raw '/readyz?verbose'" },
  );
}

/** NAMESPACE first, the three labels last. */
export function parseRows(table: string): readonly ReleaseRow[] {
  return table.split("\n").flatMap((line) => {
    const words = line.trim().split(/\s+/);
    const [namespace] = words;
    const [name, revision, status] = words.slice(-3);
    if (words.length < 6 || namespace === undefined || name === undefined || status === undefined)
      return [];
    return [{ release: `${namespace}/${name}`, revision: Number(revision), status }];
  });
}

/** Only each release's newest revision counts; one that was uninstalled and kept its history is no release any more. */
export function judgeReleases(rows: readonly ReleaseRow[]): SmokeOutcome {
  const newest = new Map<string, ReleaseRow>();
  for (const row of rows) {
    const known = newest.get(row.release);
    if (known === undefined || row.revision > known.revision) newest.set(row.release, row);
  }
  const releases = [...newest.values()].filter(({ status }) => status !== "uninstalled");
  if (releases.length === 0) return skip("there is no helm release");
  const faults = releases.filter(({ status }) => status !== "deployed");
  const [first] = faults;
  if (first === undefined) return ok(`${count(releases.length, "release")} deployed`);
  const [namespace, name] = first.release.split("/");
  return fail(
    `not deployed: ${some(faults.map(({ release, revision, status }) => `${release} (${status}, revision ${revision})`))}`,
    `look at: helm history ${name} -n ${namespace}; a pending one ends with: helm rollback ${name} -n ${namespace}`,
  );
}
