import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { generateSigningKey, signManifest } from "../../../src/archive/signature.ts";
import { proveArchive } from "../../../src/app/proof.ts";
import { createStage } from "../../../src/sys/stage.ts";
import {
  DATASTORE_PATH,
  collect,
  makeTestArchive,
  makeTestContent,
  sealTar,
} from "../../helpers/archive.ts";
import { END, join, member } from "../../helpers/tar.ts";
import { serializeManifest } from "../../../src/archive/manifest.ts";
import { testContext } from "../../helpers/context.ts";
import { failureOf } from "../../helpers/errors.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { expected, fixture } from "../sqlite/support.ts";
import type { Proof, ProofOptions } from "../../../src/app/proof.ts";
import type { TestArchive } from "../../helpers/archive.ts";
import { whole, manifest, facts, SABOTAGED } from "./proof-support.ts";

/** Writes an archive into a folder of its own, proves it there, and checks that no plaintext stays. */
function prove(
  archive: TestArchive,
  options: Partial<ProofOptions> & { readonly name?: string } = {},
): Promise<Proof> {
  return withFolder(async (folder) => {
    const stageParent = `${folder}/stage`;
    mkdirSync(stageParent);
    const path = `${folder}/${options.name ?? archive.name}`;
    writeFileSync(path, archive.bytes);
    const identities = [archive.identity];
    try {
      return await proveArchive(testContext(), { path, identities, stageParent, ...options });
    } finally {
      expect(treeOf(stageParent)).toEqual([]);
    }
  });
}

describe("proveArchive()", () => {
  test("says exactly what it checked, with numbers", async () => {
    const proof = await prove(whole);
    const counts = Object.fromEntries(proof.checks.map(({ id, count }) => [id, count]));
    expect(counts).toEqual({
      "archive.chunks": 1,
      "archive.name": undefined,
      "tar.structure": 7,
      "manifest.rules": undefined,
      "entries.hashes": 5,
      "runbook.hash": undefined,
      "token.hash": undefined,
      "snapshot.trailer": undefined,
      "snapshot.pages": facts.pages,
      "snapshot.keys": facts.keys,
      "snapshot.revision": undefined,
      "bootstrap.opens": facts.bootstrap?.size,
      "cluster.id": undefined,
    });
    expect(proof.sha256).toBe(createHash("sha256").update(whole.bytes).digest("hex"));
    expect([proof.size, proof.snapshot, proof.files]).toEqual([whole.bytes.length, facts, []]);
  });

  test("counts the encrypted chunks of a larger archive", async () => {
    const noise = crypto.getRandomValues(new Uint8Array(60_000));
    const files = ["a", "b", "c"].map((path) => ({ path, kind: "config" as const, bytes: noise }));
    const archive = await makeTestArchive({
      files: files.map((file, at) => ({ ...file, bytes: noise.map((byte) => byte ^ at) })),
    });
    const { checks } = await prove(archive);
    expect(checks.find(({ id }) => id === "archive.chunks")?.count).toBe(3);
  });

  for (const [what, options, code] of SABOTAGED) {
    test(`refuses ${what}`, async () => {
      const error = await failureOf(async () => prove(await makeTestArchive(options)));
      expect([error.code, error.exit]).toEqual([code, "verifyFailed"]);
    });
  }

  test("refuses a whole snapshot that is not the one in the manifest", async () => {
    const content = await makeTestContent({ manifest: { recipients: [whole.recipient] } });
    const entries = content.manifest.entries.map((entry) =>
      entry.kind === "datastore" ? { ...entry, sha256: "0".repeat(64) } : entry,
    );
    const tar = [
      member("RUNBOOK.md", content.runbook),
      member("manifest.json", serializeManifest({ ...content.manifest, entries })),
    ];
    for (const { entry, open } of content.entries) {
      tar.push(member(entry.path, await collect(open())));
    }
    const bytes = await sealTar(join(...tar, END));
    const error = await failureOf(() => prove({ ...whole, bytes }));
    expect([error.code, error.exit]).toEqual(["MANIFEST_MISMATCH", "verifyFailed"]);
    expect(error.message).toContain("SHA-256");
  });

  test("reports who signed it", async () => {
    const key = await generateSigningKey();
    const signed = await signManifest(
      (await makeTestContent({ manifest: { recipients: [whole.recipient] } })).manifest,
      key,
    );
    const { signature, checks } = await prove(await makeTestArchive({ manifest: signed }));
    expect(signature).toEqual({ state: "valid", publicKey: key.publicKey });
    expect(checks.some(({ id }) => id === "manifest.signature")).toBe(true);
  });

  test("compares the file with the digest it should have", async () => {
    const sha256 = createHash("sha256").update(whole.bytes).digest("hex");
    const { checks } = await prove(whole, { sha256 });
    expect(checks.some(({ id }) => id === "archive.digest")).toBe(true);
    const error = await failureOf(() => prove(whole, { sha256: "0".repeat(64) }));
    expect([error.code, error.exit]).toEqual(["ARCHIVE_REPLACED", "verifyFailed"]);
  });

  test("refuses an archive that bears another one's name, but takes any other name", async () => {
    const error = await failureOf(() =>
      prove(whole, { name: whole.name.replace("T023107Z", "T023108Z") }),
    );
    expect([error.code, error.exit]).toEqual(["ARCHIVE_RENAMED", "verifyFailed"]);
    expect(error.message).toContain(whole.name);
    const { checks } = await prove(whole, { name: "copy.age" });
    expect(checks.some(({ id }) => id === "archive.name")).toBe(false);
  });

  test("says of SQLite what it checked there", async () => {
    const { revision, keys } = expected;
    const archive = await makeTestArchive({
      datastore: fixture("copy.db"),
      manifest: { datastore: { ...manifest.datastore, kind: "sqlite", revision, keys } },
    });
    const { checks, snapshot } = await prove(archive);
    const counts = Object.fromEntries(checks.map(({ id, count }) => [id, count]));
    expect(counts).toEqual({
      "archive.chunks": 1,
      "archive.name": undefined,
      "tar.structure": 7,
      "manifest.rules": undefined,
      "entries.hashes": 5,
      "runbook.hash": undefined,
      "token.hash": undefined,
      "database.integrity": snapshot.pages,
      "database.alone": undefined,
      "database.keys": keys,
      "database.revision": undefined,
      "bootstrap.opens": snapshot.bootstrap?.size,
      "cluster.id": undefined,
    });
  });

  test("refuses a datastore of another kind than its manifest says", async () => {
    const named = await makeTestArchive({
      manifest: { datastore: { ...manifest.datastore, kind: "sqlite" } },
    });
    expect((await failureOf(() => prove(named))).code).toBe("DATABASE_NOT_SQLITE");
    const other = await makeTestArchive({ datastore: fixture("copy.db") });
    expect((await failureOf(() => prove(other))).code).toBe("SNAPSHOT_CUT");
  });

  test("refuses a database with other keys, or another revision, than its manifest says", async () => {
    for (const difference of [{ keys: 1 }, { revision: 1 }]) {
      const { revision, keys } = expected;
      const right = { ...manifest.datastore, kind: "sqlite" as const, revision, keys };
      const archive = await makeTestArchive({
        datastore: fixture("copy.db"),
        manifest: { datastore: { ...right, ...difference } },
      });
      expect((await failureOf(() => prove(archive))).code).toBe("MANIFEST_MISMATCH");
    }
  });

  test("refuses what is missing, a folder, or no age file", async () => {
    const context = testContext();
    const code = async (path: string) =>
      (await failureOf(() => proveArchive(context, { path, identities: [whole.identity] }))).code;
    expect(await code("/nonexistent")).toBe("NO_ARCHIVE");
    expect(await code("/tmp")).toBe("NO_ARCHIVE");
    expect(await code("/dev/null")).toBe("NO_ARCHIVE");
    expect(await code("/etc/passwd")).toBe("NOT_AGE");
  });

  test("puts every entry into a stage when asked, private and byte for byte", async () => {
    await withFolder(async (folder) => {
      await using stage = await createStage(folder);
      const { files } = await prove(whole, { into: stage });
      expect(files.map(({ entry }) => entry.path)).toEqual(
        manifest.entries.map(({ path }) => path),
      );
      for (const { entry, path } of files) {
        expect(path).toBe(`${stage.path}/${entry.path}`);
        expect(createHash("sha256").update(readFileSync(path)).digest("hex")).toBe(entry.sha256);
        expect(statSync(path).mode & 0o777).toBe(0o600);
      }
      expect(files.at(-1)?.entry.path).toBe(DATASTORE_PATH);
    });
  });

  test("stops at a signal", async () => {
    const controller = new AbortController();
    controller.abort(new Error("stopped by SIGINT"));
    await withFolder(async (folder) => {
      const path = `${folder}/${whole.name}`;
      writeFileSync(path, whole.bytes);
      const context = testContext({ signal: controller.signal });
      const options = { path, identities: [whole.identity] };
      await expect(proveArchive(context, options)).rejects.toThrow("stopped by SIGINT");
    });
  });
});
