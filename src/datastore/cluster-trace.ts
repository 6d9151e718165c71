/**
 * What tells one cluster's database from another's without a server: a failed reset
 * leaves a new, empty cluster with the *same* CA in its place (k3s-observed.md 4, 13),
 * so neither certificates nor the name of the host tell them apart.
 */
import type { RandomAccess } from "../sys/files.ts";
import type { SqlReader } from "../sys/sqlite.ts";
import { BOOTSTRAP_PREFIX } from "./bootstrap.ts";
import { bucketEntries, openBolt } from "./bolt.ts";
import { bootstrapKeys, readKine, requireKine, rowsOf } from "./kine.ts";
import { KEY_BUCKET, liveKeys } from "./mvcc.ts";
import { fieldOf, numberOf } from "./protobuf.ts";
import { metaOf, rawOf, readStoredObject } from "./stored-object.ts";

/** Made once, when a cluster begins; every restore keeps it. */
const FIRST_NAMESPACE = "/registry/namespaces/kube-system";
const LEASES = "/registry/leases/";
/** meta/v1 ObjectMeta and Time, coordination/v1 Lease and LeaseSpec: field numbers. */
const CREATED = 8;
const SECONDS = 1;
const LEASE_SPEC = 2;
const RENEWED = 4;
/** mvccpb.KeyValue (k3s-observed.md 16). */
const RECORD_KEY = 1;
const RECORD_VALUE = 5;

export interface ClusterIdentity {
  /** UID of the namespace kube-system; undefined when there is none yet. */
  readonly uid: string | undefined;
  /** When that namespace, and so the cluster, was made. */
  readonly begun: Date | undefined;
}

export interface ClusterTrace extends ClusterIdentity {
  readonly revision: number;
  /** Live keys. */
  readonly keys: number;
  /** The last sign of life: the newest renewal of any lease. */
  readonly alive: Date | undefined;
  /** 12 hex digits each: hashes of the tokens that open its bootstrap data. */
  readonly tokenHashes: readonly string[];
}

/**
 * Whose database a bolt file is. Reads from the oldest revision on, where the
 * namespace stands, so it costs a few pages. Throws SNAPSHOT_NOT_BOLT or SNAPSHOT_STRUCTURE.
 */
export async function identityInEtcd(file: RandomAccess): Promise<ClusterIdentity> {
  const wanted = new TextEncoder().encode(FIRST_NAMESPACE);
  for await (const { value } of bucketEntries(await openBolt(file), [KEY_BUCKET])) {
    const key = fieldOf(value, { start: 0, end: value.length }, RECORD_KEY);
    if (key === undefined || !sameBytes(value.subarray(key.start, key.end), wanted)) continue;
    const stored = fieldOf(value, { start: 0, end: value.length }, RECORD_VALUE);
    if (stored !== undefined) return identityOf(value.slice(stored.start, stored.end));
  }
  return { uid: undefined, begun: undefined };
}

/**
 * Identity, size and age of the database in a bolt file that nobody writes to. Reads
 * every page of its keys. Throws SNAPSHOT_NOT_BOLT or SNAPSHOT_STRUCTURE.
 */
export async function traceInEtcd(
  file: RandomAccess,
  options: { readonly signal?: AbortSignal } = {},
): Promise<ClusterTrace> {
  let [revision, keys] = [0, 0];
  let identity: ClusterIdentity = { uid: undefined, begun: undefined };
  const renewals: (Date | undefined)[] = [];
  const tokenHashes: string[] = [];
  for await (const record of liveKeys(await openBolt(file), options)) {
    keys += 1;
    revision = Math.max(revision, record.modRevision);
    if (record.key === FIRST_NAMESPACE) identity = identityOf(await record.readValue());
    if (record.key.startsWith(LEASES)) renewals.push(renewedAt(await record.readValue()));
    if (record.key.startsWith(BOOTSTRAP_PREFIX) && record.valueSize > 0) {
      tokenHashes.push(record.key.slice(BOOTSTRAP_PREFIX.length));
    }
  }
  return { ...identity, revision, keys, alive: newest(renewals), tokenHashes };
}

/** The same for kine's table; K3s may write meanwhile. Throws DATABASE_NOT_KINE or DATABASE_DAMAGED, or an SqlError. */
export function traceInSqlite(database: SqlReader): ClusterTrace {
  requireKine(database);
  const { revision, keys } = readKine(database);
  const [first] = liveValues(database, `name = '${FIRST_NAMESPACE}'`);
  const leases = liveValues(database, "name >= '/registry/leases/' AND name < '/registry/leases0'");
  return {
    ...(first === undefined ? { uid: undefined, begun: undefined } : identityOf(first)),
    revision,
    keys,
    alive: newest([...leases].map(renewedAt)),
    tokenHashes: bootstrapKeys(database).map(({ hash }) => hash),
  };
}

function* liveValues(database: SqlReader, where: string): Generator<Uint8Array> {
  const newestRows = `SELECT max(id) FROM kine WHERE ${where} GROUP BY name`;
  const sql = `SELECT value FROM kine WHERE deleted = 0 AND id IN (${newestRows})`;
  for (const { value } of rowsOf(database, sql)) {
    if (value instanceof Uint8Array) yield value;
  }
}

function identityOf(value: Uint8Array): ClusterIdentity {
  const meta = metaOf(value);
  const created = meta === undefined ? undefined : fieldOf(value, meta, CREATED);
  return {
    uid: readStoredObject(value).uid,
    begun: created === undefined ? undefined : secondsIn(value, created),
  };
}

function renewedAt(value: Uint8Array): Date | undefined {
  const raw = rawOf(value);
  const spec = raw === undefined ? undefined : fieldOf(value, raw, LEASE_SPEC);
  const renewed = spec === undefined ? undefined : fieldOf(value, spec, RENEWED);
  return renewed === undefined ? undefined : secondsIn(value, renewed);
}

/** Time and MicroTime alike: seconds since 1970 in their first field. */
function secondsIn(value: Uint8Array, time: { start: number; end: number }): Date | undefined {
  const field = fieldOf(value, time, SECONDS);
  const seconds = field === undefined ? undefined : numberOf(value, field);
  // Anything else is no time that a Date can hold, and no lease of ours.
  return seconds === undefined || seconds > 8.64e12 ? undefined : new Date(seconds * 1000);
}

function newest(times: readonly (Date | undefined)[]): Date | undefined {
  let found: Date | undefined;
  for (const time of times) {
    if (time !== undefined && (found === undefined || time > found)) found = time;
  }
  return found;
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
