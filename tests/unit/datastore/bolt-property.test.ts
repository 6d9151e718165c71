import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bucketEntries, checkBolt, openBolt } from "../../../src/datastore/bolt.ts";
import { liveKeys } from "../../../src/datastore/mvcc.ts";
import { inspectSnapshot } from "../../../src/datastore/etcd-snapshot.ts";
import {
  bboltAccepts,
  codeOf,
  describeWithBbolt,
  fixture,
  memoryFile,
  reseal,
  snapshot,
} from "./support.ts";

/** Milliseconds: a busy machine must not fail a property. */
const PATIENCE = 60_000;

const small = snapshot("etcd-3.7");
const many = snapshot("etcd-3.7-many");
const listed = fixture("freelist.db");

interface Damage {
  readonly base: number;
  readonly page: number;
  /** Inside the page: mostly where the header and the first elements are. */
  readonly at: number;
  readonly bytes: Uint8Array;
}

const bases = [small, many, listed];
const damage: fc.Arbitrary<Damage> = fc.record({
  base: fc.nat(bases.length - 1),
  page: fc.nat(),
  at: fc.oneof(fc.nat(15), fc.nat(160), fc.nat(4095)),
  bytes: fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 8 }), fc.constant(new Uint8Array(8))),
});

function damaged({ base, page, at, bytes }: Damage): Uint8Array {
  const copy = (bases[base] ?? small).slice();
  const pages = Math.floor(copy.byteLength / 4096);
  copy.set(bytes.subarray(0, 4096 - at), (page % pages) * 4096 + at);
  return copy;
}

describe("reading a damaged file", () => {
  test(
    "ends in an OperatorError of the table or in a result, never in another error",
    async () => {
      await fc.assert(
        fc.asyncProperty(damage, async (how) => {
          const file = memoryFile(damaged(how));
          const codes = ["no error", "SNAPSHOT_NOT_BOLT", "SNAPSHOT_STRUCTURE"];
          expect(codes).toContain(await codeOf(checkBolt(file)));
          expect(codes).toContain(await codeOf(readAll(file)));
        }),
        { numRuns: 300 },
      );
    },
    PATIENCE,
  );

  test(
    "that has a right trailer ends so too",
    async () => {
      await fc.assert(
        fc.asyncProperty(damage, async (how) => {
          const bytes = damaged({ ...how, base: how.base % 2 });
          const found = await codeOf(
            inspectSnapshot(memoryFile(reseal(bytes)), { password: "fixture-password" }),
          );
          expect(found).toMatch(/^no error$|^SNAPSHOT_|^BOOTSTRAP_/);
        }),
        { numRuns: 200 },
      );
    },
    PATIENCE,
  );
});

async function readAll(file: ReturnType<typeof memoryFile>): Promise<void> {
  const bolt = await openBolt(file);
  let total = 0;
  for (const name of ["key", "meta", "members"]) {
    for await (const { key, value } of bucketEntries(bolt, [name])) {
      total += key.byteLength + value.byteLength;
    }
  }
  for await (const { key, readValue } of liveKeys(bolt)) {
    total += key.length + (await readValue()).byteLength;
  }
  expect(total).toBeGreaterThan(-1);
}

describeWithBbolt("what bbolt check refuses", () => {
  test(
    "checkBolt() refuses, whatever is damaged",
    async () => {
      await fc.assert(
        fc.asyncProperty(damage, async (how) => {
          const bytes = damaged(how);
          if ((await codeOf(checkBolt(memoryFile(bytes)))) === "no error") {
            expect(bboltAccepts(bytes)).toBe(true);
          }
        }),
        { numRuns: 60 },
      );
    },
    PATIENCE,
  );
});
