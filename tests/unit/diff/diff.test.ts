import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { diff } from "../../../src/app/diff.ts";
import { lossLines } from "../../../src/app/loss.ts";
import { changeLines, someNames } from "../../../src/app/diff-words.ts";
import {
  bootstrapFile,
  caHash,
  tokenHash,
  tokenPassword,
} from "../../../src/datastore/bootstrap.ts";
import { compareObjects } from "../../../src/datastore/compare.ts";
import { inspectSnapshot } from "../../../src/datastore/etcd-snapshot.ts";
import { makeTestArchive } from "../../helpers/archive.ts";
import { testContext } from "../../helpers/context.ts";
import { failureOf } from "../../helpers/errors.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { databaseOf } from "./kine-sides.ts";
import { bootstrapOf, plainSide, sideOf, snapshotBytes, snapshotFile, truth } from "./support.ts";
import type { DiffOptions, DiffResult } from "../../../src/app/diff.ts";
import type { Difference } from "../../../src/datastore/compare.ts";
import type { TestContext } from "../../helpers/context.ts";
import type { TestArchive, TestArchiveOptions } from "../../helpers/archive.ts";
import type { FixtureName } from "./support.ts";

const TIMES = { older: "2026-11-22T02:31:07Z", newer: "2026-11-23T02:31:07Z" };

/** An archive around a real snapshot of the lab. */
async function archiveOf(
  name: FixtureName,
  options: TestArchiveOptions = {},
): Promise<TestArchive> {
  const { token } = truth();
  const password = tokenPassword(token);
  const facts = await inspectSnapshot(snapshotFile(name), { password });
  const ca = bootstrapFile(await bootstrapOf(name), "ServerCA");
  const made = await makeTestArchive();
  return makeTestArchive({
    token: `${token}\n`,
    datastore: snapshotBytes(name),
    ...options,
    manifest: {
      created: TIMES[name],
      tokenHash: tokenHash(password),
      cluster: { name: "prod", id: ca === undefined ? "" : caHash(ca) },
      datastore: { ...made.manifest.datastore, revision: facts.revision, keys: facts.keys },
      ...options.manifest,
    },
  });
}

/** The same cluster on SQLite. */
async function sqliteArchiveOf(
  name: FixtureName,
  options: TestArchiveOptions = {},
): Promise<TestArchive> {
  const { bytes, revision, keys } = await databaseOf(name);
  const { manifest } = await archiveOf(name);
  const datastore = { ...manifest.datastore, kind: "sqlite" as const, revision, keys };
  return archiveOf(name, { datastore: bytes, manifest: { datastore }, ...options });
}

const older = await archiveOf("older");
const newer = await archiveOf("newer");

const PLAIN = { dataDir: undefined, identityFiles: [], force: false };

/** Compares the archives of a folder, and checks that no plaintext stays in its place for temporary files. */
async function run(
  archives: readonly TestArchive[],
  options: Partial<DiffOptions> = {},
  context: TestContext = testContext({ uid: 1000, env: { SOPS_AGE_KEY: older.identity } }),
): Promise<DiffResult> {
  return withFolder(async (folder) => {
    for (const [index, { bytes }] of archives.entries()) writeFileSync(`${folder}/${index}`, bytes);
    const before = treeOf(folder);
    try {
      return await diff(context, {
        older: `${folder}/0`,
        newer: `${folder}/1`,
        directory: folder,
        ...PLAIN,
        ...options,
      });
    } finally {
      expect(treeOf(folder)).toEqual(before);
    }
  });
}

describe("diff()", () => {
  test("compares two archives without root, Secrets decrypted, and says what they are of", async () => {
    const result = await run([older, newer]);
    expect(result.comparison.differences).toHaveLength(8);
    expect(result.comparison.unopened).toBe(0);
    expect([result.older.created, result.newer.created]).toEqual([TIMES.older, TIMES.newer]);
    expect(result.older.kind).toBe("archive");
    expect(result.newer.revision).toBeGreaterThan(result.older.revision);
  });

  test("warns when the archives are given the wrong way round", async () => {
    const context = testContext({ env: { SOPS_AGE_KEY: older.identity } });
    await run([newer, older], {}, context);
    const codes = context.said.map((event) => (event.type === "warning" ? event.code : ""));
    expect(codes).toContain("ORDER_REVERSED");
  });

  test("refuses archives of two clusters, unless it is forced", async () => {
    const other = await makeTestArchive();
    const refused = await failureOf(() => run([older, other]));
    expect([refused.exit, refused.code]).toEqual(["refused", "OTHER_CLUSTER"]);
    const forced = await run([older, other], { force: true });
    expect(forced.comparison.differences.length).toBeGreaterThan(100);
  });

  test("compares nothing of an archive that is not whole", async () => {
    const bytes = newer.bytes.slice();
    bytes[bytes.length - 100] = (bytes.at(-100) ?? 0) ^ 1;
    expect((await failureOf(() => run([older, { ...newer, bytes }]))).exit).toBe("verifyFailed");
    const keys = { ...newer.manifest.datastore, keys: 1 };
    const lying = await archiveOf("newer", { manifest: { datastore: keys } });
    expect((await failureOf(() => run([older, lying]))).code).toBe("MANIFEST_MISMATCH");
  });

  test("takes nothing after the archive's end, and no archive in another's place", async () => {
    for (const more of [1, 100_000]) {
      const bytes = new Uint8Array(newer.bytes.length + more);
      bytes.set(newer.bytes);
      const error = await failureOf(() => run([older, { ...newer, bytes }]));
      expect(error.exit).toBe("verifyFailed");
    }
    // Under the name of the newer one lies the older one.
    const error = await failureOf(() =>
      withFolder(async (folder) => {
        writeFileSync(`${folder}/0`, older.bytes);
        writeFileSync(`${folder}/${newer.name}`, older.bytes);
        const context = testContext({ env: { SOPS_AGE_KEY: older.identity } });
        await diff(context, {
          ...PLAIN,
          older: `${folder}/0`,
          newer: newer.name,
          directory: folder,
        });
      }),
    );
    expect(error.code).toBe("ARCHIVE_RENAMED");
  });

  test("compares archives of SQLite, and one of SQLite with one of the etcd its cluster moved to", async () => {
    const [before, after] = [await sqliteArchiveOf("older"), await sqliteArchiveOf("newer")];
    const alone = await run([before, after]);
    expect(alone.comparison.differences).toHaveLength(8);
    expect(alone.comparison.unopened).toBe(0);
    const moved = await run([before, newer]);
    expect(moved.comparison.differences).toHaveLength(8);
    expect((await run([before, older])).comparison.differences).toEqual([]);
  });

  test("compares nothing of a database that is not the one of its manifest", async () => {
    const { bytes } = await databaseOf("older");
    const other = await sqliteArchiveOf("newer", { datastore: bytes });
    expect((await failureOf(() => run([older, other]))).code).toBe("MANIFEST_MISMATCH");
  });

  test("asks for root only for the live cluster, before it reads anything", async () => {
    const context = testContext({ uid: 1000, env: { SOPS_AGE_KEY: older.identity } });
    const error = await failureOf(() => run([older], { newer: undefined }, context));
    expect(error.code).toBe("NOT_ROOT");
    expect(context.said).toEqual([]);
  });

  test("looks for both archives before it reads one", async () => {
    const context = testContext({ env: { SOPS_AGE_KEY: older.identity } });
    const error = await failureOf(() =>
      run([older, newer], { newer: "/nowhere/archive" }, context),
    );
    expect(error.code).toBe("NO_ARCHIVE");
    expect(context.said).toEqual([]);
  });
});

describe("lossLines()", () => {
  const compared = {
    archive: "/backup/older",
    given: { identityFiles: [], dataDir: undefined },
  };

  test("names the archive, the keys and the data folder that were meant, for a shell", async () => {
    const comparison = await compareObjects(await sideOf("older"), await sideOf("newer"));
    const given = { identityFiles: ["/media/my usb/key", "/root/k2"], dataDir: "/srv/k3s" };
    const lines = lossLines({ known: true, comparison }, { archive: "/media/my usb/a", given });
    expect(lines.map((line) => line.trim())).toContain(
      "every name: railiance-cluster diff '/media/my usb/a' --all --data-dir /srv/k3s -i '/media/my usb/key' -i /root/k2",
    );
  });

  test("tells what a restore undoes, in the columns of its plan", async () => {
    const comparison = await compareObjects(await sideOf("older"), await sideOf("newer"));
    const lines = lossLines({ known: true, comparison }, compared);
    expect(lines.slice(0, -1)).toEqual([
      "lost since     + 2 objects created                  shop/configmap/made, shop/secret/sh.helm.release.v1.shop.v2",
      "               ~ 3 objects changed                  shop/configmap/shop-mail, shop/configmap/changed, shop/secret/sh.helm.release.v1.shop.v1",
      "               * 2 objects made anew                shop/secret/recreated, shop/configmap/recreated",
      "               - 1 object deleted then comes back   shop/configmap/deleted",
      "               1 helm release goes back: shop/shop 2 -> 1",
      "               every name: railiance-cluster diff /backup/older --all",
    ]);
    expect(lines.at(-1) ?? "").toMatch(/^ {15}not counted: events 3, node status 1, /);
  });

  test("says why it does not know, in one line", () => {
    const lines = lossLines({ known: false, reason: "k3s is not running" }, compared);
    expect(lines).toEqual(["lost since     not known: k3s is not running"]);
  });

  test("says so when nothing would be lost", async () => {
    const comparison = await compareObjects(plainSide([]), plainSide([]));
    expect(lossLines({ known: true, comparison }, compared)).toEqual([
      "lost since     nothing: no object was made, changed or deleted",
    ]);
    expect(changeLines(comparison, { view: "diff" })).toEqual([]);
  });
});

describe("someNames()", () => {
  const made = (keys: readonly string[]): Difference[] =>
    keys.map((key) => ({
      change: "created",
      key,
      uid: undefined,
      modRevision: 1,
      deleting: false,
    }));

  test("names an operator's objects first, and what controllers make last", () => {
    const names = someNames(
      made([
        "/registry/pods/shop/web-0",
        "/registry/secrets/shop/sh.helm.release.v1.web.v1",
        "/registry/configmaps/shop/kube-root-ca.crt",
        "/registry/clusterroles/reader",
        "/registry/secrets/kube-system/x",
        "/registry/configmaps/shop/a",
        "/registry/deployments/shop/web",
      ]),
    );
    expect(names).toBe(
      "shop/configmap/a, shop/deployment/web, clusterrole/reader, kube-system/secret/x, and 3 more",
    );
  });

  test("counts no more when all are named", () => {
    expect(someNames(made(["/registry/pods/shop/web-0"]))).toBe("shop/pod/web-0");
  });
});
