/** The `.json` beside an archive: what may be known without the key. No secrets. */
import * as v from "valibot";
import type { Manifest } from "./manifest.ts";

const SCHEMA = "railiance.sidecar/1";

export interface Sidecar {
  readonly schema: typeof SCHEMA;
  /** File name of the archive. */
  readonly archive: string;
  /** Of the archive file as it lies there: 64 hex digits and bytes. */
  readonly sha256: string;
  readonly size: number;
  readonly created: string;
  readonly id: string;
  /** Name and CA hash, as in the manifest. */
  readonly cluster: string;
  readonly clusterId: string;
  readonly host: string;
  readonly k3sVersion: string;
  readonly datastore: {
    readonly kind: "etcd" | "sqlite";
    readonly revision: number;
    readonly keys: number;
  };
  readonly entries: number;
  readonly helmReleases: number;
  readonly gaps: number;
  readonly recipients: readonly string[];
  /** When it was last read to its end and found whole; null when never. */
  readonly verified: {
    readonly at: string;
    readonly tool: string;
    readonly level: VerifyLevel;
  } | null;
  /** When a control plane last ran from it, and how long that took. No command notes it yet; null is written, and what is there is kept. */
  readonly proven: { readonly at: string; readonly seconds: number } | null;
}

/** `snapshot`: every byte, every hash, and the datastore walked and opened with its token. */
export type VerifyLevel = "snapshot";

const text = v.pipe(v.string(), v.maxLength(4096));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

const schema = v.looseObject({
  schema: v.literal(SCHEMA),
  archive: text,
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  size: count,
  created: text,
  id: text,
  cluster: text,
  clusterId: text,
  host: text,
  k3sVersion: text,
  datastore: v.looseObject({ kind: v.picklist(["etcd", "sqlite"]), revision: count, keys: count }),
  entries: count,
  helmReleases: count,
  gaps: count,
  recipients: v.array(text),
  verified: v.nullable(v.looseObject({ at: text, tool: text, level: v.literal("snapshot") })),
  proven: v.nullable(v.looseObject({ at: text, seconds: v.number() })),
});

/** The path of an archive's sidecar. */
export function sidecarPath(archivePath: string): string {
  return `${archivePath}.json`;
}

/** A fresh sidecar, neither verified nor proven, from the manifest and the finished file. */
export function sidecarOf(
  manifest: Manifest,
  file: { readonly name: string; readonly size: number; readonly sha256: string },
): Sidecar {
  const { kind, revision, keys } = manifest.datastore;
  return {
    schema: SCHEMA,
    archive: file.name,
    sha256: file.sha256,
    size: file.size,
    created: manifest.created,
    id: manifest.id,
    cluster: manifest.cluster.name,
    clusterId: manifest.cluster.id,
    host: manifest.host.hostname,
    k3sVersion: manifest.k3s.version,
    datastore: { kind, revision, keys },
    entries: manifest.entries.length,
    helmReleases: manifest.helm.length,
    gaps: manifest.gaps.length,
    recipients: manifest.recipients,
    verified: null,
    proven: null,
  };
}

/** Reads a sidecar; undefined when it is none or broken: it is a convenience, never a proof. */
export function parseSidecar(content: string): Sidecar | undefined {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return undefined;
  }
  const result = v.safeParse(schema, value);
  return result.success ? result.output : undefined;
}

/** The text of a sidecar file. */
export function serializeSidecar(sidecar: Sidecar): string {
  return `${JSON.stringify(sidecar, undefined, 2)}\n`;
}
