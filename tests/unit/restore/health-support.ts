/** A k3s that answers as a server in a given state does, and the health gate run against it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { checkHealth } from "../../../src/k3s/health.ts";
import { settingsIn, withPrograms } from "../../helpers/programs.ts";
import type { HealthReport } from "../../../src/k3s/health.ts";

export const TIMEOUT = 60_000;

const BACKUP = new Date("2026-11-23T02:00:00Z");

const RIGHT = new Date("2026-11-23T12:00:00Z");

export const OLD = "2026-11-23T01:59:50Z";

export const NEW = "2026-11-23T12:00:09.5Z";

export const UID = "3c0d9c6c-5a0e-4b7c-9d43-000000000001";

interface Lease {
  readonly name: string;
  /** Times of renewal, one a question; the last one stays. */
  readonly renewed: readonly string[];
}

/** What the server says; each field as it is on a server that was restored well. */
export interface Server {
  readonly ready?: string;
  readonly authority?: string;
  readonly stateDb?: boolean;
  readonly revision?: number;
  readonly uid?: string;
  readonly leases?: readonly Lease[];
  readonly voter?: string;
  /** Lines of a watch from the backup's revision, and of one from a list. */
  readonly replayed?: string;
  readonly live?: string;
  readonly releases?: string;
  /** Whether the release that is missed is in the backup's database. */
  readonly archived?: boolean;
  readonly since?: Date;
  readonly shop?: string;
  /** Of its clock; 1 where something passes only at a second look. */
  readonly speed?: number;
}

export const CHANGE =
  '{"type":"MODIFIED","object":{"metadata":{"namespace":"kube-node-lease","name":"s1","resourceVersion":"12"}}}';

function k3sOf(server: Server): string {
  const { voter = "True", uid = UID } = server;
  const leases = server.leases ?? [{ name: "s1", renewed: [NEW] }];
  const rounds = Math.max(...leases.map(({ renewed }) => renewed.length));
  const answers = Array.from({ length: rounds }, (_, round) => {
    const items = leases.map(({ name, renewed }) => {
      const time = renewed[Math.min(round, renewed.length - 1)];
      return { metadata: { name }, spec: { renewTime: time } };
    });
    return `'${JSON.stringify({ metadata: {}, items })}'`;
  });
  const conditions =
    voter === "" ? [] : [{ type: "EtcdIsVoter", status: voter, message: "not promoted" }];
  const nodes = { items: [{ metadata: { name: "s1" }, status: { conditions } }] };
  const shop = server.shop ?? `echo '{"metadata":{"uid":"${UID}"}}'`;
  return `here=$(dirname "$0")
case "$*" in
  *readyz*) echo ${server.ready ?? "ok"};;
  *watch=true\\&resourceVersion=5*) echo '${server.replayed ?? CHANGE}';;
  *watch=true*) echo '${server.live ?? CHANGE}';;
  *leases?resourceVersion=0*) echo '{"metadata":{"resourceVersion":"9"},"items":[]}';;
  *kube-node-lease/leases*) n=$(cat $here/count 2>/dev/null || echo 0); echo $((n + 1)) > $here/count
    answers=(${answers.join(" ")}); [ $n -ge \${#answers[@]} ] && n=$((\${#answers[@]} - 1)); echo "\${answers[$n]}";;
  *v1/nodes*) echo '${JSON.stringify(nodes)}';;
  *namespaces/kube-system/deployments*) echo '{"items":null}';;
  *namespaces/kube-system*) echo '{"metadata":{"uid":"${uid}"}}';;
  *namespaces/shop*) ${shop};;
  *v1/namespaces*) echo '{"metadata":{"resourceVersion":"${server.revision ?? 9}"},"items":[]}';;
  *get\\ secrets*) echo '${server.releases ?? "shop   shop   2"}';;
  *get\\ configmaps*) ;;
  *) exit 9;;
esac`;
}

/** The report of the health gate on such a server. */
export async function gate(server: Server): Promise<HealthReport> {
  const systemctl = 'case "$1" in is-active) echo active;; *) echo 0;; esac';
  return await withPrograms({ k3s: k3sOf(server), systemctl }, async ({ folder, host }) => {
    mkdirSync(`${folder}/data/server/db/etcd/member/wal`, { recursive: true });
    mkdirSync(`${folder}/data/server/tls`, { recursive: true });
    writeFileSync(`${folder}/data/server/tls/server-ca.crt`, server.authority ?? "ours\n");
    if (server.stateDb === true) writeFileSync(`${folder}/data/server/db/state.db`, "");
    // Its patience shall not be ours.
    const fast = { ...host, monotonic: () => performance.now() * (server.speed ?? 20) };
    return await checkHealth(fast, {
      settings: settingsIn(folder),
      since: server.since ?? RIGHT,
      taken: BACKUP,
      datastore: "etcd",
      revision: 5,
      nodeName: "s1",
      serverCa: "ours",
      canaries: [
        { path: "/api/v1/namespaces/kube-system", uid: UID },
        { path: "/api/v1/namespaces/shop", uid: UID },
      ],
      releases: [{ namespace: "shop", name: "shop", revision: 2 }],
      isArchived: () => Promise.resolve(server.archived ?? true),
    });
  });
}

/** Ids and reasons of the checks that failed. */
export async function failures(server: Server): Promise<string[]> {
  const { checks } = await gate(server);
  return checks.filter(({ passed }) => !passed).map(({ id, detail }) => `${id}: ${detail}`);
}

/** What the gate says of one check; undefined when there is no such check. */
export async function detailOf(id: string, server: Server): Promise<string | undefined> {
  return (await gate(server)).checks.find((check) => check.id === id)?.detail;
}
