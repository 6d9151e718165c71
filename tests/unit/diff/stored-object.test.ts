import { Buffer } from "node:buffer";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { openBolt } from "../../../src/datastore/bolt.ts";
import { liveKeys } from "../../../src/datastore/mvcc.ts";
import { parseObjectKey } from "../../../src/datastore/object-key.ts";
import { isSealed, sealedValues } from "../../../src/datastore/secrets-encryption.ts";
import { digestOf, readStoredObject } from "../../../src/datastore/stored-object.ts";
import { bootstrapOf, custom, snapshotFile, truth } from "./support.ts";
import type { BootstrapData } from "../../../src/datastore/bootstrap.ts";

interface Stored {
  readonly uid: string | undefined;
  readonly deleting: boolean;
  readonly sealed: boolean;
  readonly modRevision: number;
}

/** Every object of the older fixture, by its key. */
async function storedObjects(): Promise<Map<string, Stored>> {
  const values = sealedValues(await bootstrapOf("older"));
  const found = new Map<string, Stored>();
  for await (const { key, modRevision, readValue } of liveKeys(
    await openBolt(snapshotFile("older")),
  )) {
    const value = await readValue();
    const sealed = isSealed(value);
    const plain = sealed ? values.open(value) : value;
    if (plain === undefined) throw new Error(`${key} was not opened`);
    found.set(key, { ...readStoredObject(plain), sealed, modRevision });
  }
  return found;
}

function bootstrapWith(config: string): BootstrapData {
  const content = new TextEncoder().encode(config);
  return new Map([["EncryptionConfig", { timestamp: undefined, content }]]);
}

describe("readStoredObject()", () => {
  test("reads the UIDs that kubectl shows, of protobuf, JSON and encrypted objects", async () => {
    const stored = await storedObjects();
    const byUid = new Map([...stored].map(([key, { uid }]) => [uid, key]));
    let compared = 0;
    for (const { kind, metadata } of truth().older) {
      if (kind === "ComponentStatus" || kind === "Event") continue;
      const key = byUid.get(metadata.uid) ?? "";
      const object = parseObjectKey(key);
      expect([object?.namespace, object?.name]).toEqual([metadata.namespace, metadata.name]);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(200);
  });

  test("knows a UID of every object but those that have none", async () => {
    const without = [...(await storedObjects())]
      .filter(([key, { uid }]) => parseObjectKey(key) !== undefined && uid === undefined)
      .map(([key]) => key.split("/")[2] ?? "");
    expect([...new Set(without)].sort()).toEqual(["masterleases", "peerserverleases", "ranges"]);
  });

  test("sees which objects are on their way out", async () => {
    const leaving = [...(await storedObjects())].filter(([, { deleting }]) => deleting);
    expect(leaving.map(([key]) => key)).toEqual(["/registry/pods/shop/leaving"]);
    const json = { metadata: { uid: "x", deletionTimestamp: "2026-11-23T02:31:07Z" } };
    const bytes = new TextEncoder().encode(JSON.stringify(json));
    expect(readStoredObject(bytes)).toEqual({ uid: "x", deleting: true });
  });

  test("takes a grace period alone for no deletion", () => {
    const field = (number: number, bytes: Uint8Array): Buffer =>
      Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
    const seconds = Buffer.from([10 << 3, 30]);
    const pod = (meta: Uint8Array) =>
      Buffer.concat([Buffer.from("k8s\0"), field(2, field(1, meta))]);
    expect(readStoredObject(pod(seconds)).deleting).toBe(false);
    const time = field(9, Buffer.from([1 << 3, 1]));
    expect(readStoredObject(pod(Buffer.concat([time, seconds]))).deleting).toBe(true);
  });

  test("takes the UID of the object and not one inside it", () => {
    const owner = { uid: "owner" };
    const json = {
      uid: "a",
      spec: { metadata: { uid: "b" } },
      metadata: { ownerReferences: [owner] },
    };
    expect(readStoredObject(new TextEncoder().encode(JSON.stringify(json))).uid).toBeUndefined();
    expect(readStoredObject(new TextEncoder().encode(custom("c", "uid"))).uid).toBe("c");
  });

  test("never throws, whatever the value", () => {
    const magic = new Uint8Array([0x6b, 0x38, 0x73, 0x00]);
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.constantFrom("", "k8s\0", "{"),
        (bytes, head) => {
          const value = Buffer.concat([head === "k8s\0" ? magic : Buffer.from(head), bytes]);
          const { uid } = readStoredObject(value);
          expect(uid === undefined || uid.length > 0).toBe(true);
          expect(digestOf(value, { isNode: true })).toHaveLength(8);
        },
      ),
    );
  });

  test("gives up on real objects that were cut, without an error", async () => {
    for await (const { readValue } of liveKeys(await openBolt(snapshotFile("older")), {
      prefix: "/registry/configmaps/shop/kept",
    })) {
      const value = await readValue();
      const { uid } = readStoredObject(value);
      for (let end = 0; end < value.length; end += 1) {
        const cut = readStoredObject(value.subarray(0, end)).uid;
        expect(cut === undefined || cut === uid).toBe(true);
      }
    }
  });
});

describe("digestOf()", () => {
  test("of a Node leaves out the status and who wrote it, and nothing else", async () => {
    const values: Uint8Array[] = [];
    for (const name of ["older", "newer"] as const) {
      const bolt = await openBolt(snapshotFile(name));
      for await (const { readValue } of liveKeys(bolt, { prefix: "/registry/minions/s1" }))
        values.push(await readValue());
    }
    const [older = new Uint8Array(), newer = new Uint8Array()] = values;
    expect(Buffer.compare(older, newer) === 0).toBe(false);
    const digests = [older, newer].map((value) => digestOf(value, { isNode: true }));
    expect(digests[0]).toEqual(digests[1] ?? new Uint8Array());
    const changed = Buffer.from(older);
    const label = changed.indexOf("kubernetes.io/hostname");
    expect(label).toBeGreaterThan(0);
    changed[label] = 0x4b;
    expect(digestOf(changed, { isNode: true })).not.toEqual(digests[0] ?? new Uint8Array());
  });
});

describe("sealedValues()", () => {
  test("opens every Secret of a cluster with aescbc, with the key in its bootstrap data", async () => {
    const sealed = [...(await storedObjects())].filter((entry) => entry[1].sealed);
    expect(sealed.length).toBeGreaterThan(2);
    for (const [key, { uid }] of sealed) {
      expect(key).toContain("/registry/secrets/");
      expect(uid ?? "").toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  test("opens what a real API server stored with secretbox", () => {
    const { config, stored, uid } = truth().secretbox;
    const value = Buffer.from(stored, "base64");
    expect(isSealed(value)).toBe(true);
    const plain = sealedValues(bootstrapWith(config)).open(value);
    expect(plain === undefined ? undefined : readStoredObject(plain).uid).toBe(uid);
  });

  test("opens nothing with a wrong key, no key, a key of another name, or damage", () => {
    const { config, stored } = truth().secretbox;
    const value = Buffer.from(stored, "base64");
    const other = config.replace(
      /"secret":"./,
      (text) => `${text.slice(0, -1)}${text.endsWith("A") ? "B" : "A"}`,
    );
    const named = config.replace("secretboxkey", "another");
    for (const wrong of [
      other,
      named,
      "{}",
      "no JSON",
      '{"resources":[{"providers":[{"identity":{}}]}]}',
    ]) {
      expect(sealedValues(bootstrapWith(wrong)).open(value)).toBeUndefined();
    }
    expect(sealedValues(undefined).open(value)).toBeUndefined();
    const damaged = Buffer.from(value);
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
    expect(sealedValues(bootstrapWith(config)).open(damaged)).toBeUndefined();
    expect(sealedValues(bootstrapWith(config)).open(value.subarray(0, 40))).toBeUndefined();
  });
});
