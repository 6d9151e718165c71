/** `ha drift --archive`: what a restore would lack, told from a real snapshot with encrypted Secrets in it. */
import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { stringify } from "yaml";
import { haDrift } from "../../../src/app/ha-drift.ts";
import {
  bootstrapFile,
  caHash,
  tokenHash,
  tokenPassword,
} from "../../../src/datastore/bootstrap.ts";
import { etcdObjects } from "../../../src/datastore/etcd-objects.ts";
import { inspectSnapshot } from "../../../src/datastore/etcd-snapshot.ts";
import { isSealed } from "../../../src/datastore/secrets-encryption.ts";
import { readStoredSecret } from "../../../src/datastore/stored-secret.ts";
import { makeTestArchive } from "../../helpers/archive.ts";
import { testContext } from "../../helpers/context.ts";
import { failureOf } from "../../helpers/errors.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { bootstrapOf, snapshotBytes, snapshotFile, truth } from "../diff/support.ts";
import { expected, fixture } from "../sqlite/support.ts";
import { recordOf } from "./support.ts";
import type { DriftResult } from "../../../src/app/ha-drift.ts";
import type { TestArchive, TestFile } from "../../helpers/archive.ts";
import type { JsonMap } from "./support.ts";

/** What the fixture's Secret shop/password holds (tests/unit/diff/objects.yaml). */
const KNOWN = "hunter2-never-shown";
const CHART = { name: "shop", version: "1.0.0" };
const LIVE: JsonMap = { web: { replicas: 2, password: KNOWN } };

async function archive(
  records: readonly (readonly [revision: number, config: JsonMap])[],
): Promise<TestArchive> {
  const { token } = truth();
  const password = tokenPassword(token);
  const facts = await inspectSnapshot(snapshotFile("older"), { password });
  const ca = bootstrapFile(await bootstrapOf("older"), "ServerCA");
  const made = await makeTestArchive();
  return makeTestArchive({
    token: `${token}\n`,
    datastore: snapshotBytes("older"),
    files: records.map(([revision, config]) => recordFile(revision, config)),
    manifest: {
      tokenHash: tokenHash(password),
      cluster: { name: "prod", id: ca === undefined ? "" : caHash(ca) },
      datastore: { ...made.manifest.datastore, revision: facts.revision, keys: facts.keys },
    },
  });
}

function recordFile(revision: number, config: JsonMap): TestFile {
  const record = recordOf({ namespace: "shop", name: "web", revision, chart: CHART, config });
  return {
    path: `helm/shop/web/records/${revision}.json`,
    kind: "helm",
    bytes: JSON.stringify(record),
  };
}

/** Plaintext of every stored Secret of the fixture, by namespace and name. */
async function storedSecrets(): Promise<Map<string, Uint8Array>> {
  const source = etcdObjects(snapshotFile("older"), { bootstrap: await bootstrapOf("older") });
  const secrets = new Map<string, Uint8Array>();
  await source.walk(({ key, value }) => {
    const name = new TextDecoder().decode(key);
    const plain = isSealed(value) ? source.sealed.open(value) : value;
    if (!name.startsWith("/registry/secrets/") || plain === undefined) return;
    secrets.set(name.slice("/registry/secrets/".length), plain.slice());
  });
  return secrets;
}

async function drift(
  made: TestArchive,
  values: JsonMap,
  secrets: unknown[] = [],
): Promise<DriftResult> {
  return withFolder(async (folder) => {
    writeFileSync(join(folder, "a.age"), made.bytes);
    writeFileSync(join(folder, "web.yaml"), stringify(values));
    const releases = [{ release: "shop/web", chart: "shop@1.0.0", values: ["web.yaml"], secrets }];
    const list = { schema: "railiance.ha-releases/1", releases };
    writeFileSync(join(folder, "list.yaml"), stringify(list));
    const before = treeOf(folder);
    try {
      return await haDrift(testContext({ uid: 1000, env: { SOPS_AGE_KEY: made.identity } }), {
        target: undefined,
        releasesFile: join(folder, "list.yaml"),
        archive: join(folder, "a.age"),
        directory: folder,
        dataDir: undefined,
        rulesFiles: [],
        identityFiles: [],
        workingDirectory: folder,
      });
    } finally {
      expect(treeOf(folder)).toEqual(before);
    }
  });
}

const found = ({ releases }: DriftResult): string[] =>
  releases.flatMap(({ findings }) => findings.map(({ id, message }) => `${id}: ${message}`));

describe("ha drift against an archive", () => {
  test("finds nothing when it holds what the files say, by its newest record", async () => {
    const old: JsonMap = { old: 1 };
    for (const records of [
      [[9, old] as const, [10, LIVE] as const],
      [[10, LIVE] as const, [9, old] as const],
    ]) {
      const result = await drift(await archive(records), LIVE);
      expect(found(result)).toEqual([]);
      expect(result.kind).toBe("archive");
      expect(result.releases[0]?.state).toEqual({ revision: 10, status: "deployed", chart: CHART });
    }
  });

  test("says what this restore would lack, and what it would bring back", async () => {
    const result = await drift(await archive([[1, { web: { replicas: 1, extra: true } }]]), LIVE);
    expect(found(result)).toEqual([
      "changed: the files say 2, the release has 1: this restore would bring back the archived one",
      "file-only: this restore would lack web.password",
      "live-only: only the archived release has it: the first helm upgrade after this restore loses it",
    ]);
    const none = await drift(await archive([]), LIVE);
    expect(found(none)).toEqual([
      "release-missing: this restore would lack the whole release shop/web",
    ]);
  });

  test("compares the Secrets in its datastore", async () => {
    const made = await archive([[1, LIVE]]);
    const secret = (name: string, keys: unknown[]): unknown[] => [{ name, keys }];
    const same = secret("password", [{ key: "value", value: "web.password" }]);
    expect(found(await drift(made, LIVE, same))).toEqual([]);
    const missing = [
      ...secret("password", [{ key: "value" }, { key: "more" }]),
      ...secret("gone", [{ key: "value" }]),
    ];
    expect(found(await drift(made, LIVE, missing))).toEqual([
      "secret-key-missing: this restore would lack the key more of Secret shop/password",
      "secret-missing: this restore would lack Secret shop/gone",
    ]);
    const other = { web: { replicas: 2, password: "hunter3" } };
    const changed = await drift(await archive([[1, other]]), other, same);
    expect(found(changed)[0]).toContain(
      "secret-differs: Secret shop/password holds another value than web.yaml:",
    );
    expect(JSON.stringify(changed)).not.toMatch(/hunter/);
  });

  test("compares the Secrets of a SQLite backup too: the newest row of each, unless it was deleted", async () => {
    const plain = (await storedSecrets()).get("shop/password") ?? new Uint8Array();
    const { revision, keys } = expected;
    const datastore = await withFolder(async (folder) => {
      const path = join(folder, "state.db");
      writeFileSync(path, fixture("copy.db"));
      const database = new DatabaseSync(path);
      const add = database.prepare(
        "INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value, old_value) VALUES (?, ?, ?, 0, ?, 0, ?, NULL)",
      );
      add.run("/registry/secrets/shop/password", 1, 0, 0, new Uint8Array([1]));
      add.run("/registry/secrets/shop/password", 0, 0, revision + 1, plain);
      add.run("/registry/secrets/shop/gone", 1, 0, 0, plain);
      add.run("/registry/secrets/shop/gone", 0, 1, revision + 3, plain);
      database.close();
      return new Uint8Array(readFileSync(path));
    });
    const { manifest } = await makeTestArchive();
    const made = await makeTestArchive({
      datastore,
      files: [recordFile(1, LIVE)],
      manifest: {
        datastore: {
          ...manifest.datastore,
          kind: "sqlite",
          revision: revision + 4,
          keys: keys + 1,
        },
      },
    });
    const key = [{ key: "value", value: "web.password" }];
    expect(found(await drift(made, LIVE, [{ name: "password", keys: key }]))).toEqual([]);
    expect(found(await drift(made, LIVE, [{ name: "gone", keys: key }]))).toEqual([
      "secret-missing: this restore would lack Secret shop/gone",
    ]);
  });

  test("believes nothing of an archive that is not whole", async () => {
    const made = await archive([[1, LIVE]]);
    const bytes = made.bytes.slice();
    bytes[bytes.length - 100] = (bytes.at(-100) ?? 0) ^ 1;
    expect((await failureOf(() => drift({ ...made, bytes }, LIVE))).exit).toBe("verifyFailed");
  });
});

describe("readStoredSecret()", () => {
  test("reads the data of a Secret of a real snapshot, and of nothing else", async () => {
    const plain = (await storedSecrets()).get("shop/password") ?? new Uint8Array();
    const data = [...(readStoredSecret(plain) ?? [])];
    const text = data.map(([key, bytes]) => `${key}=${new TextDecoder().decode(bytes)}`);
    expect(text).toEqual([`value=${KNOWN}`]);
    expect(readStoredSecret(new TextEncoder().encode('{"kind":"Secret"}'))).toBeUndefined();
    expect(readStoredSecret(new Uint8Array([0x6b, 0x38, 0x73, 0, 0xff, 0xff]))).toBeUndefined();
  });
});
