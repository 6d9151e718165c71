import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { describe, expect, test } from "bun:test";
import { openBolt } from "../../../src/datastore/bolt.ts";
import { liveKeys } from "../../../src/datastore/mvcc.ts";
import type { LiveKey } from "../../../src/datastore/mvcc.ts";
import {
  codeOf,
  errorOf,
  expected,
  fillingFile,
  memoryFile,
  Patient,
  snapshot,
  SNAPSHOTS,
} from "./support.ts";

async function live(bytes: Uint8Array, prefix?: string): Promise<LiveKey[]> {
  const found: LiveKey[] = [];
  const bolt = await openBolt(fillingFile(bytes));
  for await (const key of liveKeys(bolt, prefix === undefined ? {} : { prefix })) found.push(key);
  return found;
}

/** As make.ts has it, from what `etcdctl get "" --prefix` answered. */
async function digest(keys: readonly LiveKey[]): Promise<string> {
  const lines: string[] = [];
  for (const { key, createRevision, modRevision, version, valueSize, readValue } of keys) {
    const value = await readValue();
    expect(value.byteLength).toBe(valueSize);
    const hash = createHash("sha256").update(value).digest("hex");
    lines.push(`${key} ${createRevision} ${modRevision} ${version} ${hash}\n`);
  }
  return createHash("sha256").update(lines.sort().join("")).digest("hex");
}

/** A damaged copy: `change` gets the leaf page with the first records. */
function damage(change: (patient: Patient, leaf: number) => void): Uint8Array {
  const bytes = snapshot("etcd-3.7-many");
  const patient = new Patient(bytes);
  change(patient, patient.firstLeaf(patient.bucketRoot("key")));
  return bytes;
}

describe("liveKeys()", () => {
  test("gives the keys, revisions, versions and values that etcd itself gives", async () => {
    for (const name of SNAPSHOTS) {
      const keys = await live(snapshot(name));
      expect(keys).toHaveLength(expected(name).keys);
      expect(await digest(keys)).toBe(expected(name).liveDigest);
    }
  });

  test("gives the newest change first", async () => {
    const revisions = (await live(snapshot("etcd-3.7"))).map((key) => key.modRevision);
    expect(revisions).toEqual(revisions.toSorted((left, right) => right - left));
  });

  test("leaves out what was deleted, and has what was made again as new", async () => {
    const keys = await live(snapshot("etcd-3.7"), "/registry/configmaps/default/");
    expect(keys.map(({ key }) => key.slice(-1)).sort()).toEqual(["a", "c", "d", "e"]);
    const again = keys.find(({ key }) => key.endsWith("/c"));
    expect(again?.version).toBe(1);
    expect(Buffer.from((await again?.readValue()) ?? []).toString()).toBe("back again");
    expect(keys.find(({ key }) => key.endsWith("/a"))?.version).toBe(3);
  });

  test("reads values that are empty and values that span pages", async () => {
    const keys = await live(snapshot("etcd-3.7"), "/registry/secrets/");
    const values = new Map<string, string>();
    for (const { key, readValue } of keys)
      values.set(key, Buffer.from(await readValue()).toString());
    expect(values.get("/registry/secrets/empty")).toBe("");
    expect(values.get("/registry/secrets/large")).toBe("0123456789abcdef".repeat(1300));
  });

  test("has keys that are not ASCII as text", async () => {
    expect((await live(snapshot("etcd-3.7"), "/registry/ünï")).map(({ key }) => key)).toEqual([
      "/registry/ünïcode",
    ]);
  });

  test("refuses a record that is not named by a revision", async () => {
    const bytes = snapshot("etcd-3.7");
    const patient = new Patient(bytes);
    const leaf = patient.firstLeaf(patient.bucketRoot("key"));
    bytes[patient.key(leaf, 0).at + 8] = 0x60;
    expect((await errorOf(live(bytes)))?.message ?? "").toContain("not named by a revision");
  });

  test("refuses a record filed under another revision than it says", async () => {
    const bytes = damage((p, leaf) => {
      const { at, length } = p.key(leaf, 0);
      // The first record's value: key, then field 2 and 3, one byte each after their tags.
      const keyLength = p.bytes[at + length + 1] ?? 0;
      p.bytes[at + length + 2 + keyLength + 3] = 99;
    });
    const error = await errorOf(live(bytes));
    expect(error?.message ?? "").toMatch(/filed under revision 2 and says 99/);
  });

  test("refuses a record whose fields run out of it", async () => {
    const changes: ((p: Patient, value: number) => void)[] = [
      (p, value) => (p.bytes[value + 1] = 0x7f),
      (p, value) => (p.bytes[value] = 0x0d),
      (p, value) => p.bytes.fill(0xff, value, value + 12),
    ];
    for (const change of changes) {
      const bytes = damage((p, leaf) => {
        const element = p.element(leaf, 0);
        const { at, length } = p.key(leaf, 0);
        change(p, at + length);
        p.view.setUint32(element + 12, 60, true);
      });
      const error = await errorOf(live(bytes));
      expect(error?.code).toBe("SNAPSHOT_STRUCTURE");
      expect(error?.message ?? "").toContain("cannot be read");
    }
  });

  test("finds damage of the tree though nobody asked to check it", async () => {
    const bytes = damage((p, leaf) => p.view.setUint32(p.element(leaf, 0) + 12, 60_000, true));
    expect(await codeOf(live(bytes))).toBe("SNAPSHOT_STRUCTURE");
  });

  test("gives nothing for a file without keys", async () => {
    expect(await live(snapshot("etcd-3.7-empty"))).toEqual([]);
    const bolt = await openBolt(memoryFile(snapshot("etcd-3.7-compacted")));
    for await (const { key } of liveKeys(bolt)) throw new Error(`found ${key}`);
  });
});
