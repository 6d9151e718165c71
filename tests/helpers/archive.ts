/** Archives for tests: small, whole, with a real etcd snapshot in them unless told otherwise. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { generateIdentity } from "age-encryption";
import { encryptStream, recipientOf } from "../../src/archive/age.ts";
import { compressFrames } from "../../src/archive/frames.ts";
import { FORMAT } from "../../src/archive/manifest.ts";
import { archiveName } from "../../src/archive/names.ts";
import { withRunbook } from "../../src/archive/signature.ts";
import { streamFrom } from "../../src/archive/tar-source.ts";
import { archiveStream } from "../../src/archive/writer.ts";
import { bootstrapFile } from "../../src/datastore/bootstrap.ts";
import { caHash } from "../../src/datastore/ca-hash.ts";
import { inspectSnapshot } from "../../src/datastore/etcd-snapshot.ts";
import { tokenHash } from "../../src/datastore/token.ts";
import type { EntryKind } from "../../src/archive/entry-kind.ts";
import type { Entry, Manifest } from "../../src/archive/manifest.ts";
import type { ArchiveContent } from "../../src/archive/writer.ts";
import type { SnapshotFacts } from "../../src/datastore/etcd-snapshot.ts";

/** Password of the token that opens the bootstrap data of the fixture snapshots. */
export const FIXTURE_PASSWORD = "fixture-password";
export const TOKEN_PATH = "server/token";
export const DATASTORE_PATH = "datastore/etcd.snapshot";

export interface TestFile {
  readonly path: string;
  readonly kind: EntryKind;
  readonly bytes: Uint8Array | string;
  readonly mode?: number;
  readonly source?: string;
}

export interface TestArchiveOptions {
  /** Laid over the manifest at the end: wrong on purpose, say. */
  readonly manifest?: Partial<Manifest>;
  /** Files between the token and the datastore. Default: a config file and helm values. */
  readonly files?: readonly TestFile[];
  /** Default: a real etcd 3.7 snapshot of 106 KB that `FIXTURE_PASSWORD` opens. */
  readonly datastore?: Uint8Array;
  /** Text of the token entry. */
  readonly token?: string;
  readonly runbook?: string;
}

export interface TestArchive {
  /** The finished, encrypted archive. */
  readonly bytes: Uint8Array;
  /** The file name that belongs to it. */
  readonly name: string;
  readonly manifest: Manifest;
  readonly runbook: string;
  /** Secret and public key that it is encrypted for. */
  readonly identity: string;
  readonly recipient: string;
}

const DEFAULT_FILES: readonly TestFile[] = [
  {
    path: "config/config.yaml",
    kind: "config",
    bytes: "cluster-init: true\n",
    source: "/etc/rancher/k3s/config.yaml",
  },
  { path: "helm/default/web/values.yaml", kind: "helm", bytes: "replicas: 2\n" },
  { path: "helm/default/db/values.yaml", kind: "helm", bytes: "size: 1Gi\n" },
];

let keys: Promise<{ identity: string; recipient: string }> | undefined;
let fixture: { bytes: Uint8Array; facts: Promise<SnapshotFacts> } | undefined;

/** One key pair for a whole test run. */
export function testKeys(): Promise<{ identity: string; recipient: string }> {
  keys ??= generateIdentity().then(async (identity) => ({
    identity,
    recipient: await recipientOf(identity),
  }));
  return keys;
}

/** A real etcd 3.7 snapshot and what is known of it. */
export function fixtureSnapshot(): { bytes: Uint8Array; facts: Promise<SnapshotFacts> } {
  if (fixture === undefined) {
    const path = `${import.meta.dirname}/../testdata/datastore/etcd-3.7.snapshot.gz`;
    const bytes = new Uint8Array(gunzipSync(readFileSync(path)));
    const read = (offset: number, length: number): Promise<Uint8Array> =>
      Promise.resolve(bytes.slice(offset, offset + length));
    const facts = inspectSnapshot({ size: bytes.length, read }, { password: FIXTURE_PASSWORD });
    fixture = { bytes, facts };
  }
  return fixture;
}

/** The parts of an archive, before it is written. */
export async function makeTestContent(options: TestArchiveOptions = {}): Promise<ArchiveContent> {
  const snapshot = fixtureSnapshot();
  const facts = await snapshot.facts;
  const token = options.token ?? `${FIXTURE_PASSWORD}\n`;
  const files: TestFile[] = [
    ...(options.files ?? DEFAULT_FILES),
    { path: TOKEN_PATH, kind: "token", bytes: token },
    { path: DATASTORE_PATH, kind: "datastore", bytes: options.datastore ?? snapshot.bytes },
  ];
  const entries = files.map((file) => ({
    entry: entryOf(file),
    open: () => streamOf(bytesOf(file.bytes)),
  }));
  const runbook = options.runbook ?? "# How to recover\n\nBy hand, with age, zstd and tar.\n";
  const whole = withRunbook(baseManifest(facts, token.trim()), runbook);
  const manifest: Manifest = {
    ...whole,
    entries: entries.map(({ entry }) => entry),
    ...options.manifest,
  };
  return { runbook, manifest, entries };
}

/** A whole archive that every check passes, unless `options` break it. */
export async function makeTestArchive(options: TestArchiveOptions = {}): Promise<TestArchive> {
  const { identity, recipient } = await testKeys();
  const content = await makeTestContent({
    ...options,
    manifest: { recipients: [recipient], ...options.manifest },
  });
  const stream = await archiveStream({ ...content, recipients: [recipient] });
  const { manifest, runbook } = content;
  const name = archiveName({
    cluster: manifest.cluster.name,
    host: manifest.host.hostname,
    created: manifest.created,
    id: manifest.id,
  });
  return { bytes: await collect(stream), name, manifest, runbook, identity, recipient };
}

/** Any tar, compressed and encrypted as an archive is. */
export async function sealTar(tar: Uint8Array): Promise<Uint8Array> {
  const encrypt = await encryptStream([(await testKeys()).recipient]);
  return collect(streamOf(tar).pipeThrough(compressFrames()).pipeThrough(encrypt));
}

/** A stream of the bytes in pieces of at most `size`. */
export function streamOf(bytes: Uint8Array, size = 65_536): ReadableStream<Uint8Array> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
  }
  return streamFrom(pieces());
}

/** This many MiB that do not compress. */
export function noise(mebibytes: number): Uint8Array {
  const bytes = new Uint8Array(mebibytes * 1024 * 1024);
  for (let at = 0; at < bytes.length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}

/** Everything a stream yields. */
export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece.slice());
  return new Uint8Array(Buffer.concat(pieces));
}

function baseManifest(facts: SnapshotFacts, password: string): Manifest {
  const ca = facts.bootstrap === undefined ? undefined : bootstrapFile(facts.bootstrap, "ServerCA");
  return {
    format: FORMAT,
    id: "7f3a09c1",
    created: "2026-11-23T02:31:07Z",
    tool: { name: "railiance-cluster", version: "0.1.0" },
    cluster: { name: "prod", id: ca === undefined ? "" : caHash(ca) },
    host: {
      hostname: "s1",
      nodeName: "s1",
      dataDir: "/var/lib/rancher/k3s",
      addresses: ["10.0.0.11"],
      architecture: "x64",
    },
    k3s: { version: "v1.36.2+k3s1" },
    datastore: {
      kind: "etcd",
      entry: DATASTORE_PATH,
      revision: facts.revision,
      keys: facts.keys,
      members: [{ name: "s1", peerUrls: ["https://10.0.0.11:2380"] }],
    },
    tokenHash: tokenHash(password),
    entries: [],
    helm: [],
    recipients: ["age1test"],
    previous: null,
    gaps: [],
  };
}

function entryOf(file: TestFile): Entry {
  const bytes = bytesOf(file.bytes);
  return {
    path: file.path,
    kind: file.kind,
    size: bytes.length,
    mode: file.mode ?? 0o600,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    ...(file.source === undefined ? {} : { source: file.source }),
  };
}

function bytesOf(content: Uint8Array | string): Uint8Array {
  return typeof content === "string" ? new TextEncoder().encode(content) : content;
}
