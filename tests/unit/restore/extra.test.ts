import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { extraManifestNames, extraManifests } from "../../../src/app/restore-extra.ts";
import { withFolder } from "../../helpers/folder.ts";
import type { Manifest } from "../../../src/archive/manifest.ts";

const STAMP = "20261127T164500Z";

/** What of an archive counts here, with these manifests below some data dir. */
function archiveWith(...sources: readonly string[]): Pick<Manifest, "entries"> {
  const sha256 = "0".repeat(64);
  return {
    entries: sources.map((source) => ({
      path: `files${source}`,
      kind: "manifest",
      size: 1,
      mode: 0o600,
      sha256,
      source,
    })),
  };
}

async function namesOn(
  files: readonly string[],
  manifest: Pick<Manifest, "entries">,
): Promise<string[]> {
  let names: string[] = [];
  await withFolder(async (folder) => {
    mkdirSync(`${folder}/server/manifests/team`, { recursive: true });
    for (const file of files) writeFileSync(`${folder}/server/manifests/${file}`, "kind: List\n");
    const moves = await extraManifests(manifest, { dataDir: folder, stamp: STAMP });
    for (const { from, to, undone, had } of moves) {
      expect(had).toBe(true);
      const name = from.slice(`${folder}/server/manifests/`.length);
      expect(to).toBe(`${folder}/server/before-${STAMP}/manifests/${name}`);
      expect(undone).toBe(`${folder}/server/undone-${STAMP}/manifests/${name}`);
    }
    names = extraManifestNames(moves);
  });
  return names.toSorted();
}

describe("extraManifests()", () => {
  test("finds what the archive does not have, in folders too, and leaves what it has", async () => {
    const archive = archiveWith("/var/lib/rancher/k3s/server/manifests/coredns.yaml");
    expect(await namesOn(["coredns.yaml", "later.yaml", "team/later.yaml"], archive)).toEqual([
      "later.yaml",
      "team/later.yaml",
    ]);
  });

  test("knows a manifest of a server with another data dir by its path below the folder", async () => {
    const archive = archiveWith("/srv/k3s/server/manifests/team/own.yaml");
    expect(await namesOn(["team/own.yaml"], archive)).toEqual([]);
  });

  test("leaves what lies on another file system, which no rename reaches", async () => {
    await withFolder(async (folder) => {
      const elsewhere = mkdtempSync("/dev/shm/railiance-test-");
      try {
        expect(statSync(elsewhere).dev).not.toBe(statSync(folder).dev);
        mkdirSync(`${folder}/server`);
        writeFileSync(`${elsewhere}/later.yaml`, "kind: List\n");
        symlinkSync(elsewhere, `${folder}/server/manifests`);
        expect(await extraManifests(archiveWith(), { dataDir: folder, stamp: STAMP })).toEqual([]);
      } finally {
        rmSync(elsewhere, { recursive: true });
      }
    });
  });

  test("finds nothing on a host that has no such folder", async () => {
    await withFolder(async (folder) => {
      expect(await extraManifests(archiveWith(), { dataDir: folder, stamp: STAMP })).toEqual([]);
    });
  });
});
