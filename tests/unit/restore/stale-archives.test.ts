import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { archiveName } from "../../../src/archive/names.ts";
import { createAtomicFile, writeFileAtomic } from "../../../src/sys/atomic.ts";
import { wipeStaleArchives, wipeStaleSafetyBackups } from "../../../src/app/stale-archives.ts";
import { testContext } from "../../helpers/context.ts";
import { withFolder } from "../../helpers/folder.ts";

/** Two halves of archives, one archive, and a stranger's file. */
function fill(folder: string, host: string): void {
  mkdirSync(folder, { recursive: true });
  for (const name of [
    `.railiance-tmp-railiance-cluster_prod_${host}_20261127T172038Z_1bb41837.tar.zst.age-95480690e278`,
    ".railiance-tmp-railiance-cluster_prod_other_20261127T172038Z_1bb41837.tar.zst.age-95480690e279",
    `railiance-cluster_prod_${host}_20261127T172038Z_1bb41837.tar.zst.age`,
    ".hidden",
  ]) {
    writeFileSync(`${folder}/${name}`, "");
  }
}

describe("wipeStaleArchives()", () => {
  test("removes the halves of this host and says so; another host's, archives and other files stay", async () => {
    await withFolder(async (folder) => {
      const context = testContext();
      fill(folder, context.host.hostname);
      await wipeStaleArchives(context, folder);
      expect(readdirSync(folder).toSorted()).toEqual([
        ".hidden",
        ".railiance-tmp-railiance-cluster_prod_other_20261127T172038Z_1bb41837.tar.zst.age-95480690e279",
        `railiance-cluster_prod_${context.host.hostname}_20261127T172038Z_1bb41837.tar.zst.age`,
      ]);
      expect(context.said).toEqual([
        {
          type: "note",
          text: expect.stringMatching(/^removed .+, left by a run that was cut off$/),
        },
      ]);
    });
  });
});

describe("wipeStaleArchives() on a host", () => {
  /** What a kill leaves of the archive of one host when the next run is on another. */
  async function left(cluster: string, hosts: { writer: string; next: string }): Promise<number> {
    let count = 0;
    await withFolder(async (folder) => {
      const parts = { cluster, host: hosts.writer, created: new Date(0), id: "1bb41837" };
      await using file = await createAtomicFile(`${folder}/${archiveName(parts)}`);
      await file.write(new Uint8Array(1));
      await wipeStaleArchives(testContext({ hostname: hosts.next }), folder);
      count = readdirSync(folder).length;
    });
    return count;
  }

  test("that is not called as it stands in file names", async () => {
    expect(await left("prod", { writer: "Prod-S1", next: "Prod-S1" })).toBe(0);
    expect(await left("prod", { writer: "Prod-S1", next: "Prod-S2" })).toBe(1);
  });

  test("with the longest names there can be", async () => {
    const [cluster, host] = ["c".repeat(63), "h".repeat(62)];
    expect(await left(cluster, { writer: `${host}1`, next: `${host}1` })).toBe(0);
    expect(await left(cluster, { writer: `${host}1`, next: `${host}2` })).toBe(1);
  });

  test("a file may have the longest name there can be, in letters of two bytes", async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/${"ü".repeat(127)}`;
      await writeFileAtomic(path, "x");
      expect(readdirSync(folder)).toEqual(["ü".repeat(127)]);
    });
  });
});

describe("wipeStaleSafetyBackups()", () => {
  test("looks below before-restore, not in the archive folder itself", async () => {
    await withFolder(async (folder) => {
      const context = testContext();
      fill(folder, context.host.hostname);
      fill(`${folder}/before-restore`, context.host.hostname);
      await wipeStaleSafetyBackups(context, folder);
      expect(readdirSync(folder)).toHaveLength(5);
      expect(readdirSync(`${folder}/before-restore`)).toHaveLength(3);
    });
  });

  test("has nothing to do where no restore ever was", async () => {
    await withFolder(async (folder) => {
      const context = testContext();
      await wipeStaleSafetyBackups(context, folder);
      expect(context.said).toEqual([]);
    });
  });
});
