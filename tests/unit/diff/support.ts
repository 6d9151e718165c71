/** Real snapshots of the lab (make-fixtures.ts), and sides of a comparison made of plain values. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import * as v from "valibot";
import { etcdObjects } from "../../../src/datastore/etcd-objects.ts";
import { inspectSnapshot } from "../../../src/datastore/etcd-snapshot.ts";
import { sealedValues } from "../../../src/datastore/secrets-encryption.ts";
import { tokenPassword } from "../../../src/datastore/token.ts";
import type { BootstrapData } from "../../../src/datastore/bootstrap.ts";
import type { ObjectSource } from "../../../src/datastore/compare.ts";
import type { RandomAccess } from "../../../src/sys/files.ts";

export type FixtureName = "older" | "newer";

const object = v.object({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.object({
    name: v.string(),
    namespace: v.optional(v.string()),
    uid: v.optional(v.string()),
    resourceVersion: v.optional(v.string()),
    deletionTimestamp: v.optional(v.string()),
  }),
});
export type KubectlObject = v.InferOutput<typeof object>;

const truthSchema = v.object({
  token: v.string(),
  older: v.array(object),
  newer: v.array(object),
  secretbox: v.object({ key: v.string(), uid: v.string(), config: v.string(), stored: v.string() }),
});

function unpacked(name: string): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(join(import.meta.dirname, name))));
}

/** What kubectl said of the clusters the fixtures were taken from. */
export function truth(): v.InferOutput<typeof truthSchema> {
  return v.parse(truthSchema, JSON.parse(new TextDecoder().decode(unpacked("kubectl.json.gz"))));
}

export function snapshotBytes(name: FixtureName): Uint8Array {
  return unpacked(`${name}.snapshot.gz`);
}

export function snapshotFile(name: FixtureName): RandomAccess {
  const bytes = snapshotBytes(name);
  return {
    size: bytes.length,
    read: async (offset, length) => bytes.slice(offset, offset + length),
  };
}

/** The bootstrap data of a fixture, opened with its token. */
export async function bootstrapOf(name: FixtureName): Promise<BootstrapData> {
  const facts = await inspectSnapshot(snapshotFile(name), {
    password: tokenPassword(truth().token),
  });
  if (facts.bootstrap === undefined) throw new Error("the fixture was not opened");
  return facts.bootstrap;
}

/** A fixture as a side of compareObjects(), with the keys of its Secrets. */
export async function sideOf(name: FixtureName): Promise<ObjectSource> {
  return etcdObjects(snapshotFile(name), { bootstrap: await bootstrapOf(name) });
}

export interface PlainRecord {
  readonly key: string;
  readonly value: string | Uint8Array;
  readonly created?: number;
  readonly modified?: number;
}

/** Records as a side of compareObjects(); their bytes are overwritten after each call, as pages are. */
export function plainSide(records: Iterable<PlainRecord>, bootstrap?: BootstrapData): ObjectSource {
  const encoder = new TextEncoder();
  return {
    numbering: "etcd",
    sealed: sealedValues(bootstrap),
    async walk(visit) {
      for (const { key, value, created = 1, modified = 1 } of records) {
        const bytes = typeof value === "string" ? encoder.encode(value) : value.slice();
        const name = encoder.encode(key);
        visit({ key: name, value: bytes, createRevision: created, modRevision: modified });
        bytes.fill(0xee);
        name.fill(0xee);
      }
    },
  };
}

/** A custom resource as JSON. */
export function custom(uid: string, content: string): string {
  return JSON.stringify({ apiVersion: "example.com/v1", kind: "X", metadata: { uid }, content });
}
