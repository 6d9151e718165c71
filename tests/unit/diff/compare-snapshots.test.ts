import { describe, expect, test } from "bun:test";
import { compareObjects } from "../../../src/datastore/compare.ts";
import { etcdObjects } from "../../../src/datastore/etcd-objects.ts";
import { sideOf, snapshotFile, truth } from "./support.ts";
import { named } from "./compare-support.ts";

describe("compareObjects() on snapshots of a real cluster", () => {
  test("finds what was made, changed, deleted and made anew, Secrets encrypted or not", async () => {
    const result = await compareObjects(await sideOf("older"), await sideOf("newer"));
    expect(named(result, "created")).toEqual([
      "shop/configmap/made",
      "shop/secret/sh.helm.release.v1.shop.v2",
    ]);
    expect(named(result, "changed")).toEqual([
      "shop/configmap/changed",
      "shop/configmap/shop-mail",
      "shop/secret/sh.helm.release.v1.shop.v1",
    ]);
    expect(named(result, "recreated")).toEqual([
      "shop/configmap/recreated",
      "shop/secret/recreated",
    ]);
    expect(named(result, "deleted")).toEqual(["shop/configmap/deleted"]);
    expect(result.helm).toEqual([
      { namespace: "shop", name: "shop", older: 1, newer: 2, reinstalled: false },
    ]);
    expect(result.unopened).toBe(0);
    const reasons = new Set(result.churn.map(({ reason }) => reason));
    expect([...reasons].sort()).toEqual(["events", "leases", "node status", "snapshot files"]);
  });

  test("gives the UIDs and revisions that kubectl shows", async () => {
    const { differences } = await compareObjects(await sideOf("older"), await sideOf("newer"));
    const said = new Map(truth().newer.map(({ metadata }) => [metadata.uid, metadata]));
    for (const { change, uid, modRevision } of differences) {
      if (change === "deleted") continue;
      expect(said.get(uid)?.resourceVersion).toBe(String(modRevision));
    }
  });

  test("still tells Secrets apart without their key, and says how many stayed closed", async () => {
    const [older, newer] = [etcdObjects(snapshotFile("older")), etcdObjects(snapshotFile("newer"))];
    const result = await compareObjects(older, newer);
    expect(named(result, "recreated")).toContain("shop/secret/recreated");
    expect(named(result, "created")).toContain("shop/secret/sh.helm.release.v1.shop.v2");
    expect(result.unopened).toBeGreaterThan(3);
  });

  test("finds no difference of a snapshot with itself", async () => {
    const result = await compareObjects(await sideOf("newer"), await sideOf("newer"));
    expect([result.differences.length, result.churn.length, result.helm.length]).toEqual([0, 0, 0]);
    expect(result.unchanged).toBeGreaterThan(300);
  });
});
