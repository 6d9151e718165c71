import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
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
