/** etcd's members and leader, over its own HTTP gateway with K3s's client certificate. */
import { OperatorError } from "../../errors.ts";
import { readTextIfPresent } from "../../sys/files.ts";
import { httpRequest } from "../../sys/http.ts";
import * as v from "valibot";
import type { Cluster } from "../cluster.ts";

export interface EtcdMember {
  readonly id: string;
  readonly name: string;
  readonly host: string;
  readonly learner: boolean;
}

/** etcd writes 64-bit numbers as text. */
const members = v.object({
  members: v.array(
    v.object({
      ID: v.string(),
      name: v.optional(v.string(), ""),
      clientURLs: v.optional(v.array(v.string()), []),
      isLearner: v.optional(v.boolean(), false),
    }),
  ),
});
const health = v.object({ health: v.string() });
const status = v.object({ leader: v.optional(v.string(), "0") });

/** Asks the member on this host. Throws an OperatorError `ETCD_UNREADABLE` where its certificates are not. */
export async function etcdMembers(
  cluster: Cluster,
  timeout: number,
): Promise<readonly EtcdMember[]> {
  const answer = v.parse(members, await ask(cluster, "/v3/cluster/member/list", timeout));
  return answer.members.map(({ ID, name, clientURLs, isLearner }) => ({
    id: ID,
    name,
    host: new URL(clientURLs[0] ?? "https://unknown").hostname,
    learner: isLearner,
  }));
}

export async function etcdLeader(
  cluster: Cluster,
  timeout: number,
): Promise<{ readonly name: string; readonly host: string } | undefined> {
  const { leader } = v.parse(status, await ask(cluster, "/v3/maintenance/status", timeout));
  const found = (await etcdMembers(cluster, timeout)).find(({ id }) => id === leader);
  return found === undefined ? undefined : { name: found.name, host: found.host };
}

/** Whether the member on this host calls itself healthy: it has a leader, and a read through the quorum works. */
export async function etcdHealth(cluster: Cluster, timeout: number): Promise<boolean> {
  const answer = await httpRequest("https://127.0.0.1:2379/health", {
    timeout,
    ...(await credentials(cluster)),
  });
  const said = v.safeParse(health, answer.status === 200 ? JSON.parse(answer.body) : undefined);
  return said.success && said.output.health === "true";
}

async function ask(cluster: Cluster, path: string, timeout: number): Promise<unknown> {
  const answer = await httpRequest(`https://127.0.0.1:2379${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
    timeout,
    ...(await credentials(cluster)),
  });
  if (answer.status !== 200) throw new Error(`etcd answers HTTP ${answer.status}`);
  return JSON.parse(answer.body);
}

async function credentials({ server }: Cluster) {
  const folder = `${server.dataDir}/server/tls/etcd`;
  const read = async (name: string): Promise<string> => {
    const text = await readTextIfPresent(`${folder}/${name}`);
    if (text !== undefined) return text;
    throw new OperatorError("precondition", "ETCD_UNREADABLE", `${folder}/${name} is not there`, {
      hint: "run this on a K3s server with embedded etcd",
    });
  };
  return {
    ca: await read("server-ca.crt"),
    certificate: await read("client.crt"),
    key: await read("client.key"),
  };
}
