/**
 * etcd's members and leader, by gRPC with K3s's client certificate. Not by etcd's
 * HTTP gateway: K3s sets `listen-client-http-urls`, which takes HTTP off port 2379.
 */
import { OperatorError } from "../../errors.ts";
import { fieldOf, fieldsOf, numberOf } from "../../datastore/protobuf.ts";
import { readTextIfPresent } from "../../sys/files.ts";
import { grpcCall } from "../../sys/http2.ts";
import type { Cluster } from "../cluster.ts";

export interface EtcdMember {
  /** etcd's 64-bit number as it is on the wire, hexadecimal: only ever compared. */
  readonly id: string;
  readonly name: string;
  /** Undefined while the member has never started. */
  readonly url: string | undefined;
  readonly host: string;
  readonly learner: boolean;
}

/** This host's member. */
const HERE = "https://127.0.0.1:2379";
/** Numbers of fields in etcd's rpc.proto (api v3.7.3), unchanged since 3.4. */
const FIELD = {
  list: { members: 2 },
  member: { id: 1, name: 2, clientUrls: 4, learner: 5 },
  status: { leader: 4 },
} as const;

/** Asks the member on this host. Throws an OperatorError `ETCD_UNREADABLE` where its certificates are not, or what `grpcCall` throws. */
export async function etcdMembers(
  cluster: Cluster,
  timeout: number,
): Promise<readonly EtcdMember[]> {
  const request = { method: "etcdserverpb.Cluster/MemberList", timeout };
  const bytes = await ask(cluster, HERE, request);
  return [...fieldsOf(bytes, 0, bytes.length)]
    .filter(({ number }) => number === FIELD.list.members)
    .map(({ start, end }) => memberOf(bytes.subarray(start, end)));
}

/** The leader as the member on this host knows it; undefined when it knows none. */
export async function etcdLeader(
  cluster: Cluster,
  timeout: number,
): Promise<EtcdMember | undefined> {
  const leader = await leaderSeenBy(cluster, HERE, timeout);
  if (leader === undefined) return undefined;
  return (await etcdMembers(cluster, timeout)).find(({ id }) => id === leader);
}

/** Whether a member answers by itself and follows a leader: the list of members holds dead ones too. */
export async function memberServes(
  cluster: Cluster,
  member: EtcdMember,
  timeout: number,
): Promise<boolean> {
  if (member.url === undefined) return false;
  try {
    return (await leaderSeenBy(cluster, member.url, timeout)) !== undefined;
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    return false;
  }
}

/** A read through the quorum on this host's member: what etcd's own /health does, which K3s moves to a port of its own. */
export async function etcdHealth(cluster: Cluster, timeout: number): Promise<boolean> {
  const key = new TextEncoder().encode("health");
  // RangeRequest: field 1 is the key; not serializable, so it needs a leader and a majority.
  const message = Uint8Array.from([0x0a, key.length, ...key]);
  try {
    await ask(cluster, HERE, { method: "etcdserverpb.KV/Range", timeout, message });
    return true;
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    return false;
  }
}

async function leaderSeenBy(
  cluster: Cluster,
  url: string,
  timeout: number,
): Promise<string | undefined> {
  const bytes = await ask(cluster, url, { method: "etcdserverpb.Maintenance/Status", timeout });
  return numberText(bytes, FIELD.status.leader);
}

function memberOf(bytes: Uint8Array): EtcdMember {
  const { id, name, clientUrls, learner } = FIELD.member;
  const url = textOf(bytes, clientUrls);
  return {
    id: numberText(bytes, id) ?? "",
    name: textOf(bytes, name) ?? "",
    url,
    host: url === undefined ? "" : new URL(url).hostname,
    learner: [...fieldsOf(bytes, 0, bytes.length)].some(
      (field) => field.number === learner && numberOf(bytes, field) === 1,
    ),
  };
}

function textOf(bytes: Uint8Array, number: number): string | undefined {
  const field = fieldOf(bytes, { start: 0, end: bytes.length }, number);
  return field === undefined
    ? undefined
    : new TextDecoder().decode(bytes.subarray(field.start, field.end));
}

/** A number too large for a double, as its bytes after the tag (one byte for fields below 16). */
function numberText(bytes: Uint8Array, number: number): string | undefined {
  const field = fieldOf(bytes, { start: 0, end: bytes.length }, number);
  return field === undefined
    ? undefined
    : Buffer.from(bytes.subarray(field.from + 1, field.end)).toString("hex");
}

async function ask(
  { server }: Cluster,
  url: string,
  request: {
    readonly method: string;
    readonly timeout: number;
    readonly message?: Uint8Array;
  },
): Promise<Uint8Array> {
  const folder = `${server.dataDir}/server/tls/etcd`;
  const read = async (name: string): Promise<string> => {
    const text = await readTextIfPresent(`${folder}/${name}`);
    if (text !== undefined) return text;
    throw new OperatorError("precondition", "ETCD_UNREADABLE", `${folder}/${name} is not there`, {
      hint: "run this on a K3s server with embedded etcd",
    });
  };
  return await grpcCall(`${url}/${request.method}`, {
    message: request.message ?? new Uint8Array(),
    timeout: request.timeout,
    ca: await read("server-ca.crt"),
    certificate: await read("client.crt"),
    key: await read("client.key"),
  });
}
