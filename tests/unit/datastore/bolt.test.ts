import { Buffer } from "node:buffer";
import { describe, expect, test } from "bun:test";
import { bucketEntries, checkBolt, openBolt } from "../../../src/datastore/bolt.ts";
import { buildBolt, inlinePage } from "./build-bolt.ts";
import { codeOf, errorOf, fillingFile, memoryFile, Patient, snapshot } from "./support.ts";

const small = snapshot("etcd-3.7");
const many = snapshot("etcd-3.7-many");

async function entries(
  bytes: Uint8Array,
  path: readonly string[],
  descending = false,
): Promise<string[]> {
  const found: string[] = [];
  const bolt = await openBolt(fillingFile(bytes));
  for await (const { key, value } of bucketEntries(bolt, path, { descending })) {
    found.push(`${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`);
  }
  return found;
}

async function hexKeys(
  file: ReturnType<typeof memoryFile>,
  descending: boolean,
): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of bucketEntries(await openBolt(file), ["key"], { descending })) {
    found.push(Buffer.from(key).toString("hex"));
  }
  return found;
}

describe("openBolt()", () => {
  test("takes the valid meta page with the highest transaction", async () => {
    const bytes = small.slice();
    const patient = new Patient(bytes);
    const first = patient.view.getBigUint64(16 + 48, true);
    const second = patient.view.getBigUint64(patient.pageSize + 16 + 48, true);
    const newest = first > second ? first : second;
    expect((await openBolt(memoryFile(bytes))).meta.transaction).toBe(newest);
    bytes[patient.meta + 57] = (bytes[patient.meta + 57] ?? 0) ^ 1;
    const other = first > second ? second : first;
    expect((await openBolt(memoryFile(bytes))).meta.transaction).toBe(other);
  });

  test("finds the second meta page at any page size when the first is gone", async () => {
    for (const pageSize of [4096, 16_384, 65_536]) {
      const bytes = buildBolt([{ leaf: { top: { inline: inlinePage({ a: "1" }) } } }], pageSize);
      bytes.fill(0, 16, 1024);
      expect((await openBolt(memoryFile(bytes))).meta.pageSize).toBe(pageSize);
      await checkBolt(memoryFile(bytes));
    }
  });

  test("refuses a file in which both are damaged, saying what is wrong", async () => {
    const cases: [offset: number, says: string][] = [
      [0, "magic number"],
      [4, "bolt version"],
      [60, "checksums"],
    ];
    for (const [offset, says] of cases) {
      const bytes = small.slice();
      for (const meta of [16, 4096 + 16]) bytes[meta + offset] = (bytes[meta + offset] ?? 0) ^ 0x10;
      const error = await errorOf(openBolt(memoryFile(bytes)));
      expect(error?.code).toBe("SNAPSHOT_NOT_BOLT");
      expect(error?.message ?? "").toContain(says);
    }
  });

  test("refuses a page size no host has", async () => {
    const bytes = small.slice();
    for (const meta of [16, 4096 + 16]) {
      new Patient(bytes).view.setUint32(meta + 8, 4095, true);
      new Patient(bytes).sealMeta(meta);
    }
    expect((await errorOf(openBolt(memoryFile(bytes))))?.message ?? "").toContain(
      "page size is 4095",
    );
  });

  test("refuses what is no database at all", async () => {
    for (const bytes of [new Uint8Array(), new Uint8Array(10), Buffer.alloc(20_000, "text ")]) {
      expect(await codeOf(openBolt(memoryFile(bytes)))).toBe("SNAPSHOT_NOT_BOLT");
    }
  });
});

describe("bucketEntries()", () => {
  const nested = buildBolt([
    { leaf: { other: { inline: inlinePage({}) }, top: { bucket: 3 } } },
    {
      branch: [
        ["a", 4],
        ["m", 5],
      ],
    },
    { leaf: { a: "1", b: { inline: inlinePage({ x: "y" }) } } },
    { leaf: { m: "2", n: { bucket: 6 }, o: "3" } },
    { leaf: { deep: "value" } },
  ]);

  test("gives the entries of a bucket in order and without its buckets", async () => {
    expect(await entries(nested, ["top"])).toEqual(["a=1", "m=2", "o=3"]);
    expect(await entries(nested, ["top"], true)).toEqual(["o=3", "m=2", "a=1"]);
  });

  test("goes into nested and inline buckets", async () => {
    expect(await entries(nested, ["top", "n"])).toEqual(["deep=value"]);
    expect(await entries(nested, ["top", "b"])).toEqual(["x=y"]);
  });

  test("gives nothing for a bucket that is empty or not there", async () => {
    expect(await entries(nested, ["other"])).toEqual([]);
    expect(await entries(nested, ["none"])).toEqual([]);
    expect(await entries(nested, ["top", "a"])).toEqual([]);
  });

  test("gives a tree of several levels in order, both ways, from both kinds of file", async () => {
    const rising = await hexKeys(memoryFile(many), false);
    expect(rising.length).toBeGreaterThan(2000);
    expect(rising).toEqual(rising.toSorted());
    expect(await hexKeys(fillingFile(many), false)).toEqual(rising);
    expect(await hexKeys(fillingFile(many), true)).toEqual(rising.toReversed());
  });

  test("does not go round for ever in a tree that is a ring", async () => {
    const ring = buildBolt([{ leaf: { top: { bucket: 3 } } }, { branch: [["a", 3]] }]);
    expect(await codeOf(entries(ring, ["top"]))).toBe("SNAPSHOT_STRUCTURE");
  });

  test("reads trees in which leaves stand beside branches", async () => {
    const uneven = buildBolt([
      { leaf: { top: { bucket: 3 } } },
      {
        branch: [
          ["a", 4],
          ["f", 5],
          ["m", 6],
        ],
      },
      { leaf: { a: "1" } },
      {
        branch: [
          ["f", 7],
          ["g", 8],
        ],
      },
      { leaf: { m: "4" } },
      { leaf: { f: "2" } },
      { leaf: { g: "3" } },
    ]);
    expect(await entries(uneven, ["top"])).toEqual(["a=1", "f=2", "g=3", "m=4"]);
    expect(await entries(uneven, ["top"], true)).toEqual(["m=4", "g=3", "f=2", "a=1"]);
  });

  test("stops when it is told to", async () => {
    const bolt = await openBolt(memoryFile(many));
    const stop = new AbortController();
    const walk = async (): Promise<void> => {
      for await (const _ of bucketEntries(bolt, ["key"], { signal: stop.signal })) {
        stop.abort(new Error("told to stop"));
      }
    };
    await expect(walk()).rejects.toThrow("told to stop");
  });
});
