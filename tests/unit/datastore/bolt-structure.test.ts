import { describe, expect, test } from "bun:test";
import { checkBolt } from "../../../src/datastore/bolt.ts";
import { freelist, listed, sabotaged, SABOTAGES } from "./bolt-sabotages.ts";
import { buildBolt, inlinePage } from "./build-bolt.ts";
import {
  bboltAccepts,
  describeWithBbolt,
  errorOf,
  fillingFile,
  memoryFile,
  Patient,
  snapshot,
  SNAPSHOTS,
} from "./support.ts";

describe("checkBolt()", () => {
  test("accepts every snapshot of a real etcd, and a file with a list of free pages", async () => {
    for (const bytes of [...SNAPSHOTS.map(snapshot), listed]) {
      const { meta } = await checkBolt(memoryFile(bytes));
      expect(meta.pageSize).toBe(4096);
      expect(await checkBolt(fillingFile(bytes)).then((bolt) => bolt.meta)).toEqual(meta);
    }
  });

  test("reads a list of free pages whose count needs the long form", async () => {
    const { meta } = await checkBolt(memoryFile(longList()));
    expect(meta.freelist).toBeGreaterThan(1);
  });

  test("refuses a page larger than memory should hold, before it reads it", async () => {
    const bytes = buildBolt([{ leaf: { key: "value" } }]);
    const patient = new Patient(bytes).setMeta(40, 20_002n);
    patient.view.setUint32(patient.page(2) + 12, 17_000, true);
    const start = memoryFile(bytes);
    const file = { ...start, size: 20_002 * 4096 };
    expect((await errorOf(checkBolt(file)))?.message ?? "").toContain(
      "page 2 claims 69636096 bytes",
    );
  });

  test("accepts nested buckets and other page sizes", async () => {
    for (const pageSize of [1024, 4096, 16_384, 65_536]) {
      const { meta } = await checkBolt(memoryFile(nested(pageSize)));
      expect(meta.pageSize).toBe(pageSize);
    }
  });

  for (const sabotage of SABOTAGES) {
    test(`refuses ${sabotage.name}`, async () => {
      const bytes = sabotaged(sabotage);
      for (const file of [memoryFile(bytes), fillingFile(bytes)]) {
        const error = await errorOf(checkBolt(file));
        expect(error?.code).toBe("SNAPSHOT_STRUCTURE");
        expect(error?.message ?? "").toMatch(sabotage.says);
      }
    });
  }
});

describeWithBbolt("bbolt check, the oracle,", () => {
  test("accepts what we accept", () => {
    for (const name of SNAPSHOTS) expect(bboltAccepts(snapshot(name))).toBe(true);
    for (const bytes of [listed, longList(), nested(4096)]) expect(bboltAccepts(bytes)).toBe(true);
  });

  test("refuses what we refuse, but for the checks in which we are stricter", () => {
    for (const sabotage of SABOTAGES) {
      if (sabotage.stricterThanBbolt) continue;
      expect([sabotage.name, bboltAccepts(sabotaged(sabotage))]).toEqual([sabotage.name, false]);
    }
  }, 60_000);
});

function longList(): Uint8Array {
  const bytes = listed.slice();
  const patient = new Patient(bytes);
  const at = freelist(patient);
  const count = patient.view.getUint16(at + 10, true);
  bytes.copyWithin(at + 24, at + 16, at + 16 + count * 8);
  patient.view.setUint16(at + 10, 0xffff, true);
  patient.view.setBigUint64(at + 16, BigInt(count), true);
  return bytes;
}

function nested(pageSize: number): Uint8Array {
  return buildBolt(
    [
      { leaf: { empty: { inline: inlinePage({}) }, top: { bucket: 3 } } },
      {
        branch: [
          ["a", 4],
          ["m", 5],
        ],
      },
      { leaf: { a: "1", b: { inline: inlinePage({ x: "y" }) } } },
      { leaf: { m: "2", n: { bucket: 6 } } },
      { leaf: { deep: "value" } },
    ],
    pageSize,
  );
}
