/** Whatever happens to the bytes of an archive, it is refused with a sentence and nothing is left behind. */
import { describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { extractFiles } from "../../../src/app/extract.ts";
import { proveArchive } from "../../../src/app/proof.ts";
import { createStage } from "../../../src/sys/stage.ts";
import { makeTestArchive, noise } from "../../helpers/archive.ts";
import { testContext } from "../../helpers/context.ts";
import { failureOf } from "../../helpers/errors.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";

/** Several encrypted chunks, so that damage may come after much was read. */
const files = [{ path: "noise", kind: "config" as const, bytes: noise(1).slice(0, 200_000) }];
const { bytes: whole, identity } = await makeTestArchive({ files });
const HEADER = new TextDecoder("latin1").decode(whole).indexOf("\n", whole.indexOf(0x2d, 100)) + 1;

/** Proves and extracts the damaged archive; both must refuse, with exit verifyFailed or key, and leave nothing. */
function refuse(damaged: Uint8Array): Promise<void> {
  return withFolder(async (folder) => {
    const path = `${folder}/archive.age`;
    const output = `${folder}/out`;
    const stageParent = `${folder}/stage`;
    mkdirSync(stageParent);
    writeFileSync(path, damaged);
    const context = testContext({ env: { SOPS_AGE_KEY: identity } });
    const proving = await failureOf(() =>
      proveArchive(context, { path, identities: [identity], stageParent }),
    );
    const extracting = await failureOf(() =>
      extractFiles(context, {
        archive: path,
        directory: folder,
        identityFiles: [],
        paths: [],
        output,
        stageParent,
      }),
    );
    for (const error of [proving, extracting]) {
      expect(["verifyFailed", "key"]).toContain(error.exit);
      expect(error.message).not.toContain(identity);
    }
    expect(treeOf(stageParent)).toEqual([]);
    expect(spoolsIn("/dev/shm")).toEqual([]);
    expect(lstatSync(output, { throwIfNoEntry: false })).toBeUndefined();
  });
}

/** A spool never has a name for longer than it takes to open it. */
function spoolsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.startsWith("railiance-spool-"));
}

describe("a damaged archive is refused and leaves nothing", () => {
  const at = fc.integer({ min: 0, max: whole.length - 1 });

  test("with any one byte changed", async () => {
    await fc.assert(
      fc.asyncProperty(at, fc.integer({ min: 1, max: 255 }), async (position, change) => {
        const copy = whole.slice();
        copy[position] = (copy[position] ?? 0) ^ change;
        await refuse(copy);
      }),
      { numRuns: 150 },
    );
  });

  test("with any one byte of its header changed", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: HEADER - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (position, change) => {
          const copy = whole.slice();
          copy[position] = (copy[position] ?? 0) ^ change;
          await refuse(copy);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("cut anywhere, or with anything behind it", async () => {
    await fc.assert(
      fc.asyncProperty(at, (length) => refuse(whole.slice(0, length))),
      { numRuns: 75 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 100 }), (more) =>
        refuse(new Uint8Array(Buffer.concat([whole, more]))),
      ),
      { numRuns: 25 },
    );
    await refuse(new Uint8Array(Buffer.concat([whole, whole])));
  });

  test("with two blocks swapped", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: (whole.length >> 9) - 1 }), async (block) => {
        const copy = whole.slice();
        copy.set(whole.subarray(0, 512), block * 512);
        copy.set(whole.subarray(block * 512, block * 512 + 512), 0);
        await refuse(copy);
      }),
      { numRuns: 20 },
    );
  });

  test("and a stage given for a restore holds nothing once it is disposed", async () => {
    await withFolder(async (folder) => {
      const path = `${folder}/archive.age`;
      const copy = whole.slice();
      copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
      writeFileSync(path, copy);
      const restoring = async (): Promise<void> => {
        await using into = await createStage(folder);
        await proveArchive(testContext(), { path, identities: [identity], into });
      };
      expect((await failureOf(restoring)).exit).toBe("verifyFailed");
      expect(treeOf(folder)).toEqual(["archive.age"]);
    });
  });
});
