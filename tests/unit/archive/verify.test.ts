import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { verifyArchives } from "../../../src/app/verify.ts";
import { makeTestArchive } from "../../helpers/archive.ts";
import { testContext } from "../../helpers/context.ts";
import { failureOf } from "../../helpers/errors.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { whole } from "./proof-support.ts";

describe("verifyArchives()", () => {
  const env = { SOPS_AGE_KEY: whole.identity };
  const now = () => new Date("2026-11-24T05:06:07.890Z");
  const inFolder = <T>(action: (folder: string) => Promise<T>): Promise<T> =>
    withFolder(async (folder) => {
      writeFileSync(`${folder}/${whole.name}`, whole.bytes);
      return action(folder);
    });
  const all = { archives: [], all: true, identityFiles: [] };

  test("notes in the sidecar when it was verified, and keeps what else it says", async () => {
    await inFolder(async (directory) => {
      const sidecarFile = `${directory}/${whole.name}.json`;
      const read = (): Record<string, unknown> => JSON.parse(readFileSync(sidecarFile, "utf8"));
      await verifyArchives(testContext({ env, now }), { ...all, directory });
      expect(read()["verified"]).toEqual({
        at: "2026-11-24T05:06:07Z",
        tool: "railiance-cluster 0.1.0",
        level: "snapshot",
      });
      const proven = { at: "2026-11-24T00:00:00Z", seconds: 12 };
      writeFileSync(sidecarFile, JSON.stringify({ ...read(), proven, later: 1, verified: null }));
      await verifyArchives(testContext({ env, now }), { ...all, directory });
      expect([read()["proven"], read()["later"], read()["verified"] === null]).toEqual([
        proven,
        1,
        false,
      ]);
    });
  });

  test("looks at all of them although one is broken, and leaves its sidecar alone", async () => {
    await inFolder(async (directory) => {
      const broken = whole.name.replace("20261123", "20261124").replace("7f3a09c1", "00000001");
      writeFileSync(`${directory}/${broken}`, whole.bytes.slice(0, -1));
      const results = await verifyArchives(testContext({ env }), { ...all, directory });
      expect(results.map(({ path, ok }) => [path, ok])).toEqual([
        [`${directory}/${broken}`, false],
        [`${directory}/${whole.name}`, true],
      ]);
      expect(treeOf(directory)).not.toContain(`${broken}.json`);
      const newest = await verifyArchives(testContext({ env }), { ...all, all: false, directory });
      expect(newest.map(({ ok }) => ok)).toEqual([false]);
    });
  });

  test("finds that an archive was replaced by another whole one", async () => {
    await inFolder(async (directory) => {
      await verifyArchives(testContext({ env }), { ...all, directory });
      writeFileSync(
        `${directory}/${whole.name}`,
        (await makeTestArchive({ runbook: "other" })).bytes,
      );
      const [result] = await verifyArchives(testContext({ env }), { ...all, directory });
      expect(result?.ok === false && result.error.code).toBe("ARCHIVE_REPLACED");
    });
  });

  test("does not fail when it cannot write beside the archive", async () => {
    await inFolder(async (directory) => {
      mkdirSync(`${directory}/${whole.name}.json`); // rename onto a folder fails, also for root
      const context = testContext({ env });
      const [result] = await verifyArchives(context, { ...all, directory });
      expect(result?.ok).toBe(true);
      expect(context.said.some(({ type }) => type === "note")).toBe(true);
      expect(treeOf(directory)).toHaveLength(2);
    });
  });

  test("says where it looked when there is no key, and what fits when there is only a wrong one", async () => {
    await inFolder(async (directory) => {
      const none = await failureOf(() => verifyArchives(testContext(), { ...all, directory }));
      expect([none.code, none.exit]).toEqual(["NO_IDENTITY", "key"]);
      expect(none.hint).toContain("SOPS_AGE_KEY");
      const { generateIdentity } = await import("age-encryption");
      const other = testContext({ env: { SOPS_AGE_KEY: await generateIdentity() } });
      const [result] = await verifyArchives(other, { ...all, directory });
      expect(result?.ok === false && result.error.exit).toBe("key");
    });
  });

  test("prints no secret in its result", async () => {
    await inFolder(async (directory) => {
      const results = await verifyArchives(testContext({ env }), { ...all, directory });
      const text = JSON.stringify(results);
      for (const secret of ["fixture-password", whole.identity, "PRIVATE KEY"]) {
        expect(text).not.toContain(secret);
      }
    });
  });
});
