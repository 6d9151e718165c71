/** Everything that can be known of an etcd snapshot without a server: is it whole, what is in it, does the token open it. */
import type { RandomAccess } from "../sys/files.ts";
import { checkBolt } from "./bolt-check.ts";
import type { BoltFile } from "./bolt-meta.ts";
import {
  BOOTSTRAP_PREFIX,
  decryptBootstrap,
  findBootstrap,
  requireBootstrapFiles,
} from "./bootstrap.ts";
import type { BootstrapData, BootstrapKey } from "./bootstrap.ts";
import { notBoltError, structureError } from "./damage.ts";
import { readEtcdMeta } from "./etcd-meta.ts";
import type { Member } from "./etcd-meta.ts";
import { KEY_BUCKET, liveKey, LiveSet } from "./mvcc.ts";
import { checkTrailer } from "./trailer.ts";
import type { ReadOptions } from "./trailer.ts";

export interface InspectOptions extends ReadOptions {
  /** Password of the server token (tokenPassword()); with it the bootstrap data is decrypted and checked. */
  readonly password?: string;
}

export interface SnapshotFacts {
  /** Bytes, with the trailer. */
  readonly size: number;
  /** Of the whole file, 64 hex digits: what `sha256sum` prints. */
  readonly sha256: string;
  /** Of the database in it: what etcd wrote into the trailer. */
  readonly contentSha256: string;
  readonly pageSize: number;
  /** Pages of the database, free ones included. */
  readonly pages: number;
  readonly revision: number;
  /** Live keys of any kind. */
  readonly keys: number;
  /** Live keys under /registry/: Kubernetes objects. */
  readonly registryKeys: number;
  readonly consistentIndex: number;
  /** Absent in snapshots of etcd before 3.5. */
  readonly term?: number;
  /** `3.6.0`; absent in snapshots of etcd before 3.6. */
  readonly storageVersion?: string;
  readonly clusterVersion?: string;
  readonly members: readonly Member[];
  /** 12 hex digits each, sorted: hashes of the tokens that open bootstrap data in it. */
  readonly bootstrapHashes: readonly string[];
  /** Secret. Only when a password was given. */
  readonly bootstrap?: BootstrapData;
}

const ZIP = [0x50, 0x4b, 0x03, 0x04] as const;
const BOOTSTRAP = new TextEncoder().encode(BOOTSTRAP_PREFIX);

/**
 * Reads a snapshot from end to end (hash), then every page of its database
 * (structure, live keys), then its bootstrap data when a password is given. Progress
 * counts both readings. Throws OperatorError `verifyFailed` with SNAPSHOT_CUT,
 * SNAPSHOT_HASH, SNAPSHOT_NOT_BOLT, SNAPSHOT_STRUCTURE, BOOTSTRAP_MISSING,
 * BOOTSTRAP_OTHER_TOKEN or BOOTSTRAP_DAMAGED.
 */
export async function inspectSnapshot(
  file: RandomAccess,
  options: InspectOptions = {},
): Promise<SnapshotFacts> {
  await refuseZip(file);
  const { size } = file;
  const trailer = await checkTrailer(file, partOf(options, { from: 0, total: size * 2 }));
  const { bolt, live, keys } = await readDatabase(file, options);
  const etcd = await readEtcdMeta(bolt);
  const bootstrap =
    options.password === undefined ? undefined : await openBootstrap(keys, options.password);
  const { compactRevision, voters: _voters, ...meta } = etcd;
  return {
    size,
    sha256: trailer.wholeSha256,
    contentSha256: trailer.sha256,
    pageSize: bolt.meta.pageSize,
    pages: bolt.meta.pages,
    // After a compaction of everything etcd goes on counting from there.
    revision: Math.max(live.revision, compactRevision),
    keys: live.keys,
    registryKeys: live.registryKeys,
    ...meta,
    bootstrapHashes: keys.map(({ hash }) => hash),
    ...(bootstrap !== undefined && { bootstrap }),
  };
}

interface Part {
  readonly from: number;
  readonly total: number;
}

/** The same options with progress counted as a part of the whole. */
function partOf({ signal, onProgress }: ReadOptions, { from, total }: Part): ReadOptions {
  return {
    ...(signal !== undefined && { signal }),
    ...(onProgress !== undefined && { onProgress: (done) => onProgress(from + done, total) }),
  };
}

/** `k3s etcd-snapshot save --etcd-snapshot-compress` writes a zip; better said than "incomplete". */
async function refuseZip(file: RandomAccess): Promise<void> {
  if (file.size < ZIP.length) return;
  const head = await file.read(0, ZIP.length);
  if (ZIP.every((byte, index) => head[index] === byte)) {
    throw notBoltError("it is a zip; unpack it, or save without compression");
  }
}

interface Contents {
  readonly bolt: BoltFile;
  readonly live: LiveSet;
  readonly keys: readonly BootstrapKey[];
}

async function readDatabase(file: RandomAccess, options: InspectOptions): Promise<Contents> {
  const live = new LiveSet();
  const keys: BootstrapKey[] = [];
  const part = partOf(options, { from: file.size, total: file.size * 2 });
  let found = false;
  const bolt = await checkBolt(file, {
    ...part,
    onLeaf: (bucket, page) => {
      if (bucket !== KEY_BUCKET) return;
      found = true;
      live.add(page, (record) => {
        if (!record.startsWith(page, BOOTSTRAP)) return;
        const { key, readValue } = liveKey(file, page, record);
        keys.push({ hash: key.slice(BOOTSTRAP_PREFIX.length), readValue });
      });
    },
  });
  if (!found) throw structureError("it has no bucket of keys, so it is not etcd's");
  return { bolt, live, keys: keys.toSorted((left, right) => (left.hash < right.hash ? -1 : 1)) };
}

async function openBootstrap(
  keys: readonly BootstrapKey[],
  password: string,
): Promise<BootstrapData> {
  const key = findBootstrap(keys, password);
  const data = decryptBootstrap(await key.readValue(), password);
  requireBootstrapFiles(data, "etcd");
  return data;
}
