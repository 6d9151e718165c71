/** What etcd notes about itself: buckets `meta`, `cluster` and `members` (facts k3s-observed.md 16.3). */
import * as v from "valibot";
import { bucketEntries } from "./bolt.ts";
import type { BoltFile } from "./bolt-meta.ts";
import { u64BigEndian, viewOf } from "./bytes.ts";
import { structureError } from "./damage.ts";

export interface Member {
  /** 16 hex digits, as etcdctl prints it. */
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  /** Empty for a member that was added and has not started yet. */
  readonly clientUrls: readonly string[];
}

export interface EtcdMeta {
  /** Index of the last raft entry the data contains. */
  readonly consistentIndex: number;
  /** Raft term of that entry; etcd before 3.5 does not store it. */
  readonly term?: number;
  /** Layout of the database, `3.6.0`; etcd before 3.6 does not store it. */
  readonly storageVersion?: string;
  /** Ids of the voting members by the raft state, 16 hex digits each; etcd before 3.5 does not store them. */
  readonly voters?: readonly string[];
  /** Agreed version of all members, `3.6.0`. */
  readonly clusterVersion?: string;
  /** Revision up to which history was removed; 0 when it never was. */
  readonly compactRevision: number;
  readonly members: readonly Member[];
}

const memberSchema = v.object({
  name: v.optional(v.string(), ""),
  peerURLs: v.array(v.string()),
  clientURLs: v.optional(v.nullable(v.array(v.string()))),
});
const confStateSchema = v.object({
  voters: v.optional(v.array(v.pipe(v.string(), v.digits())), []),
});

/** Reads the three buckets. Throws SNAPSHOT_STRUCTURE when what etcd needs is missing or cannot be read. */
export async function readEtcdMeta(bolt: BoltFile): Promise<EtcdMeta> {
  const meta = await smallBucket(bolt, "meta");
  const cluster = await smallBucket(bolt, "cluster");
  const index = meta.get("consistent_index");
  if (index?.byteLength !== 8) throw structureError("etcd's consistent index is missing");
  const term = meta.get("term");
  const storageVersion = text(meta.get("storageVersion"));
  const clusterVersion = text(cluster.get("clusterVersion"));
  const voters = votersOf(meta.get("confState"));
  const compacted = meta.get("finishedCompactRev");
  return {
    consistentIndex: u64BigEndian(viewOf(index), 0),
    ...(term?.byteLength === 8 && { term: u64BigEndian(viewOf(term), 0) }),
    ...(storageVersion !== undefined && { storageVersion }),
    ...(clusterVersion !== undefined && { clusterVersion }),
    ...(voters !== undefined && { voters }),
    compactRevision:
      compacted !== undefined && compacted.byteLength >= 8 ? u64BigEndian(viewOf(compacted), 0) : 0,
    members: await readMembers(bolt),
  };
}

async function smallBucket(bolt: BoltFile, name: string): Promise<Map<string, Uint8Array>> {
  const entries = new Map<string, Uint8Array>();
  for await (const { key, value } of bucketEntries(bolt, [name])) {
    entries.set(new TextDecoder().decode(key), value.slice());
  }
  return entries;
}

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

async function readMembers(bolt: BoltFile): Promise<Member[]> {
  const members: Member[] = [];
  for (const [key, bytes] of await smallBucket(bolt, "members")) {
    const member = parse(memberSchema, bytes);
    if (member === undefined) throw structureError(`etcd's record of member ${key} cannot be read`);
    members.push({
      // etcd writes the key without leading zeros (types.ID.String): one id in sixteen is shorter.
      id: key.padStart(16, "0"),
      name: member.name,
      peerUrls: member.peerURLs,
      clientUrls: member.clientURLs ?? [],
    });
  }
  return members;
}

function votersOf(bytes: Uint8Array | undefined): string[] | undefined {
  if (bytes === undefined) return undefined;
  const state = parse(confStateSchema, bytes);
  if (state === undefined) throw structureError("etcd's raft state cannot be read");
  return state.voters.map((id) => BigInt(id).toString(16).padStart(16, "0"));
}

function parse<T>(schema: v.GenericSchema<unknown, T>, bytes: Uint8Array): T | undefined {
  // Ids are u64: JSON.parse would round them, so numbers outside texts become texts first.
  const exact = new TextDecoder()
    .decode(bytes)
    .replaceAll(/"(?:[^"\\]|\\.)*"|\d+/g, (found) =>
      found.startsWith('"') ? found : `"${found}"`,
    );
  try {
    const result = v.safeParse(schema, JSON.parse(exact));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}
