/** kineObjects() against what kine says, against a model, against the same cluster in etcd, and in time. */
import { copyFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { compareObjects } from "../../../src/datastore/compare.ts";
import { kineObjects } from "../../../src/datastore/kine-objects.ts";
import { openSqlite } from "../../../src/sys/sqlite.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import { expected, fixture } from "../sqlite/support.ts";
import { KineFile, databaseOf } from "./kine-sides.ts";
import { bootstrapOf, custom, sideOf } from "./support.ts";
import type { Comparison } from "../../../src/datastore/compare.ts";
import type { FixtureName } from "./support.ts";

const encoder = new TextEncoder();
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

interface Walked {
  readonly key: string;
  readonly value: string;
  readonly created: number;
  readonly modified: number;
}

/** Everything the walk hands out, in its order. */
async function walked(path: string): Promise<Walked[]> {
  using database = openSqlite(path);
  const found: Walked[] = [];
  await kineObjects(database).walk(({ key, value, createRevision, modRevision }) => {
    found.push({
      key: textOf(key),
      value: textOf(value),
      created: createRevision,
      modified: modRevision,
    });
  });
  return found;
}

/** Compares the cluster of one fixture in SQLite with the other. */
async function inSqlite(older: FixtureName, newer: FixtureName): Promise<Comparison> {
  return await withFolder(async (folder) => {
    for (const name of [older, newer]) {
      writeFileSync(`${folder}/${name}`, (await databaseOf(name)).bytes);
    }
    using before = openSqlite(`${folder}/${older}`);
    using after = openSqlite(`${folder}/${newer}`);
    return await compareObjects(
      kineObjects(before, { bootstrap: await bootstrapOf(older) }),
      kineObjects(after, { bootstrap: await bootstrapOf(newer) }),
    );
  });
}

/** An object that was made and changed twice. */
function fillWith(file: KineFile, index: number): void {
  const uid = `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
  const name = `/registry/example.com/xs/namespace-${index % 100}/object-${index}`;
  const value = encoder.encode(custom(uid, "same".repeat(50)));
  const first = file.add({ name, value });
  const second = { name, value, created: 0, createRevision: first, prevRevision: first };
  const last = file.add(second);
  file.add({ ...second, prevRevision: last });
}

const keysOf = ({ differences }: Comparison): string[] =>
  differences.map(({ change, key, uid }) => `${change} ${key} ${uid ?? "?"}`).sort();

describe("kineObjects()", () => {
  test("hands out what kine itself listed, newest change first", async () => {
    await withFolder(async (folder) => {
      writeFileSync(`${folder}/state.db`, fixture("copy.db"));
      const found = await walked(`${folder}/state.db`);
      expect(found.map(({ key }) => key).toSorted()).toEqual(expected.names);
      const revisions = found.map(({ modified }) => modified);
      expect(revisions).toEqual(revisions.toSorted((one, other) => other - one));
      const second = found.find(({ key }) => key.endsWith("/map-3"));
      expect(second?.value).toBe("k8s\0 second 3");
      expect(second?.created).toBeLessThan(second?.modified ?? 0);
      const again = found.find(({ key }) => key.endsWith("/map-7"));
      expect(again?.created).toBe(again?.modified ?? 0);
    });
  });

  test("agrees with a model after any history, compacted or not", async () => {
    const change = fc.record({
      verb: fc.constantFrom("put", "put", "delete", "compact"),
      name: fc.constantFrom("a", "b", "/registry/c", "ü", "compact"),
      value: fc.string({ maxLength: 5 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { maxLength: 40 }), async (history) => {
        await withFolder(async (folder) => {
          const model = new Map<string, Walked>();
          {
            using file = new KineFile(`${folder}/state.db`);
            file.add({ name: "compact_rev_key", value: encoder.encode("x") });
            const last = new Map<string, number>();
            for (const { verb, name, value } of history) {
              const before = model.get(name);
              const prevRevision = last.get(name) ?? 0;
              if (verb === "compact") {
                file.run(
                  `DELETE FROM kine WHERE name <> 'compact_rev_key' AND (deleted = 1 OR id NOT IN (SELECT max(id) FROM kine GROUP BY name))
                   AND (deleted = 0 OR id IN (SELECT max(id) FROM kine GROUP BY name))`,
                );
                continue;
              }
              if (verb === "delete" && before === undefined) continue;
              const id = file.add({
                name,
                value: verb === "delete" ? null : encoder.encode(value),
                created: verb === "put" && before === undefined ? 1 : 0,
                deleted: verb === "delete" ? 1 : 0,
                createRevision: before?.created ?? 0,
                prevRevision,
              });
              last.set(name, id);
              if (verb === "delete") model.delete(name);
              else
                model.set(name, { key: name, value, created: before?.created ?? id, modified: id });
            }
          }
          const newestFirst = [...model.values()].toSorted(
            (one, other) => other.modified - one.modified,
          );
          expect(await walked(`${folder}/state.db`)).toEqual(newestFirst);
        });
      }),
      { numRuns: 40 },
    );
  }, 60_000);

  test("finds in SQLite what it finds in etcd of the same cluster, Secrets decrypted", async () => {
    const result = await inSqlite("older", "newer");
    const etcd = await compareObjects(await sideOf("older"), await sideOf("newer"));
    expect(keysOf(result)).toEqual(keysOf(etcd));
    expect(result.differences).toHaveLength(8);
    expect(result.helm).toEqual(etcd.helm);
    expect(result.unopened).toBe(0);
  });

  test("a cluster that moved from SQLite to etcd has not changed by that", async () => {
    await withFolder(async (folder) => {
      writeFileSync(`${folder}/state.db`, (await databaseOf("older")).bytes);
      using database = openSqlite(`${folder}/state.db`);
      const bootstrap = await bootstrapOf("older");
      const moved = await compareObjects(
        kineObjects(database, { bootstrap }),
        await sideOf("older"),
      );
      expect(moved.differences).toEqual([]);
      expect(moved.churn).toEqual([]);
      const later = await compareObjects(
        kineObjects(database, { bootstrap }),
        await sideOf("newer"),
      );
      expect(later.differences).toHaveLength(8);
      expect(later.churn.filter(({ reason }) => reason.startsWith("written again"))).toEqual([]);
    });
  });

  test("hears a signal, and says that a row is not kine's", async () => {
    await withFolder(async (folder) => {
      writeFileSync(`${folder}/state.db`, fixture("copy.db"));
      {
        using database = openSqlite(`${folder}/state.db`);
        const { walk } = kineObjects(database, { signal: AbortSignal.abort(new Error("stopped")) });
        await expect(walk(() => undefined)).rejects.toThrow("stopped");
      }
      using file = new KineFile(`${folder}/other.db`);
      file.add({ name: "a", value: encoder.encode("x"), created: 0 });
      file.run("UPDATE kine SET create_revision = 'soon'");
      expect((await failureOf(() => walked(`${folder}/other.db`))).code).toBe("DATABASE_NOT_KINE");
    });
  });

  test("compares 100,000 objects in some 300,000 rows (time is reported, not judged)", async () => {
    await withFolder(async (folder) => {
      {
        using file = new KineFile(`${folder}/older`);
        file.run("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN");
        for (let index = 0; index < 100_000; index += 1) fillWith(file, index);
        file.run("COMMIT");
      }
      copyFileSync(`${folder}/older`, `${folder}/newer`);
      {
        const database = new DatabaseSync(`${folder}/newer`);
        database.exec("UPDATE kine SET value = value || 'x' WHERE id % 3 = 0 AND id % 1000 = 0");
        database.close();
      }
      using before = openSqlite(`${folder}/older`);
      using after = openSqlite(`${folder}/newer`);
      const began = performance.now();
      const result = await compareObjects(kineObjects(before), kineObjects(after));
      const seconds = (performance.now() - began) / 1000;
      process.stderr.write(`compared 2 x 100,000 objects of SQLite in ${seconds.toFixed(2)} s\n`);
      expect([result.differences.length, result.unchanged]).toEqual([100, 99_900]);
    });
  }, 120_000);
});
