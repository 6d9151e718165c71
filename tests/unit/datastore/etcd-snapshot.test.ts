import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { describe, expect, test } from "bun:test";
import { tokenHash } from "../../../src/datastore/bootstrap.ts";
import { inspectSnapshot } from "../../../src/datastore/etcd-snapshot.ts";
import { buildBolt, inlinePage } from "./build-bolt.ts";
import {
  codeOf,
  errorOf,
  expected,
  fillingFile,
  memoryFile,
  PASSWORD,
  Patient,
  reseal,
  snapshot,
  SNAPSHOTS,
} from "./support.ts";

const small = snapshot("etcd-3.7");

/** A bolt file with a trailer behind it. */
function sealed(database: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(database.byteLength + 32);
  bytes.set(database);
  return reseal(bytes);
}

/** The small snapshot with a text of the same length put in place of another, everywhere. */
function replaced(from: string, to: string): Uint8Array {
  const text = Buffer.from(small).toString("latin1").replaceAll(from, to);
  return reseal(new Uint8Array(Buffer.from(text, "latin1")));
}

describe("inspectSnapshot()", () => {
  test("finds in each snapshot what the etcd that made it says", async () => {
    for (const name of SNAPSHOTS) {
      const bytes = snapshot(name);
      for (const file of [memoryFile(bytes), fillingFile(bytes)]) {
        const facts = await inspectSnapshot(file);
        const { revision, keys, registryKeys } = expected(name);
        expect([facts.revision, facts.keys, facts.registryKeys]).toEqual([
          revision,
          keys,
          registryKeys,
        ]);
        expect(facts.size).toBe(bytes.byteLength);
        expect(facts.pages * facts.pageSize + 32).toBe(bytes.byteLength);
        expect(facts.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
        expect(facts.members).toHaveLength(1);
        expect(facts.bootstrap).toBeUndefined();
      }
    }
  });

  test("opens the bootstrap data with the password, of etcd 3.4 and 3.7", async () => {
    for (const name of ["etcd-3.4", "etcd-3.7"] as const) {
      const facts = await inspectSnapshot(fillingFile(snapshot(name)), { password: PASSWORD });
      expect(facts.bootstrapHashes).toEqual([tokenHash("rotated"), tokenHash(PASSWORD)].sort());
      const file = facts.bootstrap?.get("ServerCA")?.content;
      expect(Buffer.from(file ?? []).toString()).toContain("-----BEGIN CERTIFICATE-----");
    }
  });

  test("refuses a snapshot of another token, and names both hashes", async () => {
    const error = await errorOf(inspectSnapshot(memoryFile(small), { password: "wrong" }));
    expect(error?.code).toBe("BOOTSTRAP_OTHER_TOKEN");
    expect(error?.exit).toBe("verifyFailed");
    expect(error?.message ?? "").toContain(tokenHash(PASSWORD));
    expect(error?.message ?? "").toContain(tokenHash("wrong"));
  });

  test("refuses a snapshot without bootstrap data", async () => {
    const file = memoryFile(snapshot("etcd-3.7-many"));
    expect(await codeOf(inspectSnapshot(file, { password: PASSWORD }))).toBe("BOOTSTRAP_MISSING");
    expect(await codeOf(inspectSnapshot(file))).toBe("no error");
  });

  test("refuses bootstrap data in which files are missing, and names them", async () => {
    const error = await errorOf(inspectSnapshot(memoryFile(small), { password: "rotated" }));
    expect(error?.code).toBe("BOOTSTRAP_DAMAGED");
    expect(error?.message ?? "").toContain("ClientCA, ClientCAKey");
  });

  test("refuses bootstrap data filed under a token that does not open it", async () => {
    // The key of the other token is renamed to that of a third one.
    const bytes = replaced(tokenHash("rotated"), tokenHash("third"));
    const error = await errorOf(inspectSnapshot(memoryFile(bytes), { password: "third" }));
    expect(error?.code).toBe("BOOTSTRAP_DAMAGED");
    expect(error?.message ?? "").toContain("the token does not decrypt them");
  });

  test("tells cut, changed, foreign and damaged files apart", async () => {
    const broken = small.slice();
    const patient = new Patient(broken);
    patient.view.setBigUint64(patient.page(patient.firstLeaf(patient.bucketRoot("key"))), 9n, true);
    const changed = small.slice();
    changed[5000] = (changed[5000] ?? 0) ^ 1;
    const cases: [bytes: Uint8Array, code: string][] = [
      [new Uint8Array(), "SNAPSHOT_CUT"],
      [small.slice(0, 50_000), "SNAPSHOT_CUT"],
      [small.slice(0, -32), "SNAPSHOT_CUT"],
      [changed, "SNAPSHOT_HASH"],
      [sealed(new Uint8Array(8192)), "SNAPSHOT_NOT_BOLT"],
      [reseal(broken), "SNAPSHOT_STRUCTURE"],
      [
        sealed(buildBolt([{ leaf: { containers: { inline: inlinePage({ a: "b" }) } } }])),
        "SNAPSHOT_STRUCTURE",
      ],
    ];
    for (const [bytes, code] of cases)
      expect(await codeOf(inspectSnapshot(memoryFile(bytes)))).toBe(code);
  });

  test("says of a compressed snapshot that it is a zip", async () => {
    const zip = new Uint8Array(4000);
    zip.set([0x50, 0x4b, 3, 4]);
    const error = await errorOf(inspectSnapshot(memoryFile(zip)));
    expect(error?.code).toBe("SNAPSHOT_NOT_BOLT");
    expect(error?.message ?? "").toContain("it is a zip");
  });

  test("counts both readings as progress, never backwards", async () => {
    const steps: [number, number][] = [];
    await inspectSnapshot(memoryFile(snapshot("etcd-3.7-many")), {
      onProgress: (done, total) => steps.push([done, total]),
    });
    const done = steps.map(([bytes]) => bytes);
    expect(done).toEqual(done.toSorted((left, right) => left - right));
    for (const [bytes, total] of steps) expect(bytes).toBeLessThan(total + 1);
    expect(done.at(-1)).toBeGreaterThan(expected("etcd-3.7-many").size * 1.9);
  });

  test("can be stopped during either reading", async () => {
    for (const after of [0, expected("etcd-3.7-many").size]) {
      const stop = new AbortController();
      const reading = inspectSnapshot(memoryFile(snapshot("etcd-3.7-many")), {
        signal: stop.signal,
        onProgress: (done) => {
          if (done > after) stop.abort(new Error("told to stop"));
        },
      });
      await expect(reading).rejects.toThrow("told to stop");
    }
  });
});
