import { readFileSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "bun:test";
import { hasRelease } from "../../../src/app/archived-release.ts";
import { withFolder } from "../../helpers/folder.ts";

const { signal } = new AbortController();
const SHOP = { namespace: "shop", name: "shop" };

/** Of the tests of `diff`: shop is at revision 2 in the newer one, and at 1 in the older. */
function snapshot(name: "newer" | "older"): Uint8Array {
  return gunzipSync(readFileSync(`${import.meta.dirname}/../diff/${name}.snapshot.gz`));
}

describe("hasRelease()", () => {
  test("finds a release record in an etcd snapshot, by its revision", async () => {
    await withFolder(async (folder) => {
      const found: Record<string, boolean> = {};
      for (const name of ["newer", "older"] as const) {
        writeFileSync(`${folder}/${name}`, snapshot(name));
        for (const revision of [1, 2, 3]) {
          const options = { kind: "etcd", signal } as const;
          const has = await hasRelease(`${folder}/${name}`, { ...SHOP, revision }, options);
          found[`${name} ${revision}`] = has;
        }
      }
      expect(found).toMatchObject({ "older 1": true, "older 2": false, "newer 2": true });
      expect([found["older 3"], found["newer 3"]]).toEqual([false, false]);
    });
  });

  test("finds it in kine's table, unless it was deleted last", async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/state.db`;
      const database = new DatabaseSync(path);
      database.exec("CREATE TABLE kine (id INTEGER PRIMARY KEY, name TEXT, deleted INTEGER)");
      const add = database.prepare("INSERT INTO kine (name, deleted) VALUES (?, ?)");
      const record = (kind: string, revision: number): string =>
        `/registry/${kind}/shop/sh.helm.release.v1.shop.v${revision}`;
      add.run(record("secrets", 1), 0);
      add.run(record("secrets", 1), 1);
      add.run(record("secrets", 2), 0);
      add.run(record("configmaps", 3), 0);
      database.close();
      const has = (revision: number): Promise<boolean> =>
        hasRelease(path, { ...SHOP, revision }, { kind: "sqlite", signal });
      expect([await has(1), await has(2), await has(3), await has(4)]).toEqual([
        false,
        true,
        true,
        false,
      ]);
    });
  });
});
