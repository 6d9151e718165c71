/** What the reset left is held against the archive, before K3s is started with it. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { parseManifest } from "../../../src/archive/manifest.ts";
import { requireRestored } from "../../../src/app/restored-database.ts";
import { makeTestContent } from "../../helpers/archive.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import { snapshot } from "../datastore/support.ts";
import { sha256Hex } from "../../../src/sys/hash.ts";
import type { Manifest } from "../../../src/archive/manifest.ts";

const { manifest } = await makeTestContent();
const { signal } = new AbortController();
const SNAPSHOT = snapshot("etcd-3.7");

function withDatastore(change: Partial<Manifest["datastore"]>): Manifest {
  return { ...manifest, datastore: { ...manifest.datastore, ...change } };
}

/** With this file as the database of etcd. */
function checked(wanted: Manifest, bytes: Uint8Array | undefined): Promise<string> {
  return withFolder(async (dataDir) => {
    const folder = `${dataDir}/server/db/etcd/member/snap`;
    mkdirSync(folder, { recursive: true });
    if (bytes !== undefined) writeFileSync(`${folder}/db`, bytes);
    return await requireRestored(wanted, { dataDir, signal });
  });
}

async function refusal(wanted: Manifest, bytes: Uint8Array | undefined): Promise<string> {
  const error = await failureOf(() => checked(wanted, bytes));
  expect(error.code).toBe("NOT_RESTORED");
  return error.message.replace("the database that the reset left is not the archive's: ", "");
}

/** The snapshot with the bytes of a text changed, everywhere and to the same length. */
function replaced(from: string, to: string): Uint8Array {
  const text = Buffer.from(SNAPSHOT).toString("latin1").replaceAll(from, to);
  return new Uint8Array(Buffer.from(text, "latin1"));
}

describe("requireRestored()", () => {
  const { revision, keys } = manifest.datastore;

  test("takes the snapshot's own content", async () => {
    const said = await checked(manifest, SNAPSHOT.slice(0, -32));
    expect(said).toBe(`revision ${revision}, ${keys} keys as in the archive`);
  });

  test("refuses what ends earlier, goes on later, or has another number of keys", async () => {
    expect(await refusal(withDatastore({ revision: revision + 1 }), SNAPSHOT)).toBe(
      `it ends at revision ${revision}, the archive at ${revision + 1}`,
    );
    expect(await refusal(withDatastore({ revision: 3 }), SNAPSHOT)).toMatch(
      /^\d+ objects in it are newer than the archive$/,
    );
    expect(await refusal(withDatastore({ keys: keys + 1 }), SNAPSHOT)).toBe(
      `at revision ${revision} it has ${keys} keys, the archive ${keys + 1}`,
    );
  });

  test("refuses a database that is not there, or damaged", async () => {
    expect(await refusal(manifest, undefined)).toBe("it is not there");
    expect(await refusal(manifest, new Uint8Array(8192))).not.toBe("");
    expect(await refusal(manifest, replaced("consistent_index", "consistent_indes"))).toContain(
      "consistent index",
    );
  });

  test("SQLite: the file has to be the archive's to the byte", async () => {
    const bytes = new TextEncoder().encode("a database");
    const entry = {
      path: "datastore/state.db",
      kind: "datastore",
      size: bytes.length,
      mode: 0o600,
      sha256: sha256Hex(bytes),
    } as const;
    const wanted = {
      ...withDatastore({ kind: "sqlite", entry: entry.path }),
      entries: [entry],
    };
    await withFolder(async (dataDir) => {
      mkdirSync(`${dataDir}/server/db`, { recursive: true });
      const path = `${dataDir}/server/db/state.db`;
      writeFileSync(path, bytes);
      expect(await requireRestored(wanted, { dataDir, signal })).toContain("as in the archive");
      writeFileSync(path, readFileSync(path, "utf8").replace("a", "A"));
      const error = await failureOf(() => requireRestored(wanted, { dataDir, signal }));
      expect(error.message).toContain("its content is another");
    });
  });

  test("an archive without canaries is read, and one with them by its rules", () => {
    const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
    expect(parseManifest(bytes(manifest)).canaries).toBeUndefined();
    const canaries = [{ path: "/api/v1/namespaces/kube-system", uid: "x" }];
    expect(parseManifest(bytes({ ...manifest, canaries })).canaries).toEqual(canaries);
  });
});
