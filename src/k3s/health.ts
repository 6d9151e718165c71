/** Whether a server that was restored is the one that was backed up, and well: ready alone is not enough. */
import { createHash } from "node:crypto";
import { linkStatOf, readTextIfPresent, statOf } from "../sys/files.ts";
import { OperatorError } from "../errors.ts";
import { kubectlJson } from "./kubectl.ts";
import { untilReady } from "./ready.ts";
import { waitFor } from "./service.ts";
import { field, itemsIn } from "./json.ts";
import type { Host } from "../sys/host.ts";
import type { Settings } from "./settings.ts";

/** How long the node of a server that is ready may take until its heartbeat is new. */
const HEARTBEAT_TIMEOUT = 90_000;
/** The API server of a cluster that has just started may be away for a moment. */
const ANSWER_TIMEOUT = 60_000;

export interface HealthExpectation {
  readonly settings: Settings;
  /** When the restore began: a heartbeat has to be newer, for Node objects come from the snapshot. */
  readonly since: Date;
  /** When the snapshot was taken: this host's clock may be wrong, and stand before that. */
  readonly taken: Date;
  readonly datastore: "etcd" | "sqlite";
  /** The restored data cannot be older than this revision. */
  readonly revision: number;
  readonly nodeName: string;
  /** PEM of the server CA in the snapshot's bootstrap data. */
  readonly serverCa: string;
  readonly releases: readonly {
    readonly namespace: string;
    readonly name: string;
    readonly revision: number;
  }[];
}

export interface HealthCheck {
  readonly id: string;
  readonly passed: boolean;
  /** One phrase: what was seen. */
  readonly detail: string;
}

export interface HealthReport {
  readonly checks: readonly HealthCheck[];
  readonly warnings: readonly {
    readonly code: string;
    readonly message: string;
    readonly hint?: string;
  }[];
}

/** Waits for the server, then runs every check; stops early only when it never becomes ready. */
export async function checkHealth(host: Host, expected: HealthExpectation): Promise<HealthReport> {
  const ready = await checkReady(host, expected.settings);
  if (!ready.passed) return { checks: [ready, await checkDatastore(expected)], warnings: [] };
  const checks = [
    ready,
    await checkDatastore(expected),
    await checkAuthority(expected),
    await checkRevision(host, expected),
    await checkHeartbeat(host, expected),
    await checkReleases(host, expected),
  ];
  return { checks, warnings: await unreadyDeployments(host, expected.settings) };
}

async function checkReady(host: Host, settings: Settings): Promise<HealthCheck> {
  const started = host.monotonic();
  const problem = await untilReady(host, settings);
  const seconds = ((host.monotonic() - started) / 1000).toFixed(1);
  return problem === undefined
    ? { id: "ready", passed: true, detail: `API ready after ${seconds} s` }
    : {
        id: "ready",
        passed: false,
        detail: `the API was not ready after ${seconds} s: ${problem}`,
      };
}

/** An empty cluster on the other datastore is ready too (k3s-observed.md 13): the restored one must be what runs. */
async function checkDatastore(expected: HealthExpectation): Promise<HealthCheck> {
  const id = "datastore";
  const db = `${expected.settings.dataDir}/server/db`;
  const hasEtcd = (await statOf(`${db}/etcd/member/wal`))?.isDirectory() === true;
  const hasDatabase = (await linkStatOf(`${db}/state.db`)) !== undefined;
  if (expected.datastore === "sqlite") {
    return hasDatabase && !hasEtcd
      ? { id, passed: true, detail: "SQLite" }
      : {
          id,
          passed: false,
          detail: hasEtcd
            ? "K3s runs on an etcd of its own instead of the restored SQLite database (cluster-init in its configuration?)"
            : "K3s does not run on the restored SQLite database",
        };
  }
  if (!hasEtcd) return { id, passed: false, detail: "K3s does not run on the restored etcd" };
  if (hasDatabase) {
    return { id, passed: false, detail: "K3s made a new SQLite database beside the restored etcd" };
  }
  return { id, passed: true, detail: "embedded etcd" };
}

async function checkAuthority({ settings, serverCa }: HealthExpectation): Promise<HealthCheck> {
  const now = await readTextIfPresent(`${settings.dataDir}/server/tls/server-ca.crt`);
  const passed = now !== undefined && digest(now) === digest(serverCa);
  return {
    id: "authority",
    passed,
    detail: passed ? "same CA" : "the server CA is not the one of the backup",
  };
}

async function checkRevision(host: Host, expected: HealthExpectation): Promise<HealthCheck> {
  const id = "revision";
  const list = await answerOf(host, expected.settings, "/api/v1/namespaces");
  if (list === undefined) return { id, passed: false, detail: NO_ANSWER };
  const revision = Number(field(field(list, "metadata"), "resourceVersion"));
  const passed = revision >= expected.revision;
  return {
    id,
    passed,
    detail: passed
      ? `revision ${revision}`
      : `revision ${revision} is before ${expected.revision} of the backup`,
  };
}

const NO_ANSWER = "the API server does not answer any more";

/** The API's answer; asked again while it is away, undefined when it stays so. */
async function answerOf(host: Host, settings: Settings, path: string): Promise<unknown> {
  return waitFor(host, () => tryAnswer(host, settings, path), {
    timeout: ANSWER_TIMEOUT,
    interval: 500,
  });
}

async function tryAnswer(host: Host, settings: Settings, path: string): Promise<unknown> {
  try {
    return await kubectlJson(host, settings, ["get", "--raw", path], { timeout: 15_000 });
  } catch (error) {
    const away = error instanceof OperatorError && error.exit === "precondition";
    if (!away) throw error;
    return undefined;
  }
}

async function checkHeartbeat(host: Host, expected: HealthExpectation): Promise<HealthCheck> {
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
    detail: `no node has sent a heartbeat since the restore began (node ${expected.nodeName})`,
  };
}

/**
 * The node of the backup, or, under another host name, any node whose lease was
 * renewed since. On a host whose clock stands before the backup every lease in
 * the snapshot seems new: then only one that changes under our eyes counts.
 */
async function freshLease(
  host: Host,
  expected: HealthExpectation & { readonly first: Map<string, string> },
): Promise<string | undefined> {
  const { first } = expected;
  const path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  const clockIsRight = expected.since > expected.taken;
  for (const lease of itemsIn(await tryAnswer(host, expected.settings, path))) {
    const renewed = field(field(lease, "spec"), "renewTime");
    const name = field(field(lease, "metadata"), "name");
    if (typeof renewed !== "string" || typeof name !== "string") continue;
    const seen = first.get(name);
    if (seen === undefined) first.set(name, renewed);
    const changed = seen !== undefined && seen !== renewed;
    if (changed || (clockIsRight && new Date(renewed) > expected.since)) return name;
  }
  return undefined;
}

async function checkReleases(host: Host, expected: HealthExpectation): Promise<HealthCheck> {
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
    return { id, passed: true, detail: `${expected.releases.length} helm releases` };
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

async function unreadyDeployments(
  host: Host,
  settings: Settings,
): Promise<HealthReport["warnings"]> {
  const path = "/apis/apps/v1/namespaces/kube-system/deployments";
  const items = itemsIn(await tryAnswer(host, settings, path));
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

function digest(text: string): string {
  return createHash("sha256").update(text.trim()).digest("hex");
}
