import { describe, expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import {
  findArchives,
  readArchiveFolder,
  requireArchives,
  resolveArchive,
} from "../../../src/app/archives.ts";
import { listArchives } from "../../../src/app/list.ts";
import { sidecarOf, serializeSidecar, parseSidecar } from "../../../src/archive/sidecar.ts";
import { makeTestContent } from "../../helpers/archive.ts";
import { testContext } from "../../helpers/context.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";

const OLD = "railiance-cluster_prod_s1_20261121T023107Z_7f3a0001.tar.zst.age";
const NEW = "railiance-cluster_prod_s1_20261123T023107Z_7f3a0002.tar.zst.age";
const OTHER = "railiance-cluster_dev_s9_20261122T023107Z_aa3a0003.tar.zst.age";
const { manifest } = await makeTestContent();

function withArchives<T>(action: (folder: string) => Promise<T>): Promise<T> {
  return withFolder(async (folder) => {
    for (const name of [OLD, NEW, OTHER]) writeFileSync(`${folder}/${name}`, name);
    return action(folder);
  });
}

describe("readArchiveFolder()", () => {
  test("finds the newest first and passes over everything else", async () => {
    await withArchives(async (folder) => {
      writeFileSync(`${folder}/notes.txt`, "x");
      writeFileSync(`${folder}/.railiance-tmp-${NEW}-abc`, "x");
      writeFileSync(`${folder}/${NEW}.json`, "x");
      mkdirSync(`${folder}/old`);
      const { archives, ignored } = await readArchiveFolder(folder);
      expect(archives.map(({ name }) => name)).toEqual([NEW, OTHER, OLD]);
      expect(archives[1]?.size).toBe(OTHER.length);
      expect([archives[1]?.cluster, archives[1]?.host, archives[1]?.created]).toEqual([
        "dev",
        "s9",
        "2026-11-22T02:31:07Z",
      ]);
      expect(ignored).toEqual([]);
    });
  });

  test("does not follow links, even a newer one, and names them", async () => {
    await withArchives(async (folder) => {
      const link = NEW.replace("20261123", "20261124");
      symlinkSync(`${folder}/${OLD}`, `${folder}/${link}`);
      mkdirSync(`${folder}/${NEW.replace("20261123", "20261125")}`);
      const { archives, ignored } = await readArchiveFolder(folder);
      expect(archives[0]?.name).toBe(NEW);
      expect(ignored).toHaveLength(2);
      const context = testContext();
      await listArchives(context, { directory: folder });
      expect(
        context.said.map((event) => (event.type === "warning" ? event.code : event.type)),
      ).toEqual(["ARCHIVE_IGNORED", "ARCHIVE_IGNORED"]);
    });
  });

  test("shows what a sidecar says, and nothing of a missing, broken or odd one", async () => {
    await withArchives(async (folder) => {
      const sidecar = sidecarOf(manifest, { name: NEW, size: 5, sha256: "a".repeat(64) });
      writeFileSync(`${folder}/${NEW}.json`, serializeSidecar(sidecar));
      writeFileSync(`${folder}/${OLD}.json`, "{broken");
      mkdirSync(`${folder}/${OTHER}.json`);
      const found = await findArchives(folder);
      expect(found.map((archive) => archive.sidecar)).toEqual([sidecar, undefined, undefined]);
    });
  });

  test("says which folder is missing", async () => {
    const error = await failureOf(() => readArchiveFolder("/nonexistent/archives"));
    expect([error.code, error.exit]).toEqual(["NO_ARCHIVE_FOLDER", "notFound"]);
    expect(error.message).toContain("/nonexistent/archives");
  });
});

describe("requireArchives()", () => {
  test("says what to do when there is none", async () => {
    await withFolder(async (folder) => {
      expect(await findArchives(folder)).toEqual([]);
      const error = await failureOf(() => requireArchives(folder));
      expect([error.code, error.exit]).toEqual(["NO_ARCHIVE", "notFound"]);
      expect(error.hint).toContain("railiance-cluster backup");
    });
  });
});

describe("resolveArchive()", () => {
  test("takes nothing, a name, an id, the beginning of one, or a path", async () => {
    await withArchives(async (folder) => {
      const path = (archive: string | undefined, directory = folder) =>
        resolveArchive({ hostname: "s1" }, { archive, directory });
      expect(await path(undefined)).toBe(`${folder}/${NEW}`);
      expect(await path(OLD)).toBe(`${folder}/${OLD}`);
      expect(await path("aa3a0003")).toBe(`${folder}/${OTHER}`);
      expect(await path("aa3a")).toBe(`${folder}/${OTHER}`);
      expect(await path(`${folder}/${OLD}`, "/nonexistent")).toBe(`${folder}/${OLD}`);
    });
  });

  test("refuses what is ambiguous, missing or a folder", async () => {
    await withArchives(async (folder) => {
      const host = { hostname: "s1" };
      const code = async (archive: string) =>
        (await failureOf(() => resolveArchive(host, { archive, directory: folder }))).code;
      expect(await code("7f3a")).toBe("ARCHIVE_AMBIGUOUS");
      expect(await code("0000aaaa")).toBe("NO_ARCHIVE");
      expect(await code(`${folder}/missing`)).toBe("NO_ARCHIVE");
      expect(await code(folder)).toBe("NO_ARCHIVE");
    });
  });
});

describe("sidecars", () => {
  test("hold no secret and survive a trip through JSON", () => {
    const sidecar = sidecarOf(manifest, { name: NEW, size: 5, sha256: "a".repeat(64) });
    const text = serializeSidecar(sidecar);
    expect(parseSidecar(text)).toEqual(sidecar);
    expect(text).not.toContain(manifest.tokenHash);
  });

  test("of another schema or with wrong fields are as good as none", () => {
    const sidecar = sidecarOf(manifest, { name: NEW, size: 5, sha256: "a".repeat(64) });
    for (const change of [
      { schema: "railiance.sidecar/2" },
      { size: -1 },
      { sha256: "x" },
      { verified: 1 },
    ]) {
      expect(parseSidecar(JSON.stringify({ ...sidecar, ...change }))).toBeUndefined();
    }
    for (const text of ["", "null", "[]", "1"]) expect(parseSidecar(text)).toBeUndefined();
  });
});
