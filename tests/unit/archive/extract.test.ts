import { describe, expect, test } from "bun:test";
import { lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { extractFiles } from "../../../src/app/extract.ts";
import { matchesPattern } from "../../../src/app/entry-pattern.ts";
import { showArchive } from "../../../src/app/show.ts";
import { writeNewFiles } from "../../../src/sys/new-files.ts";
import { collect, makeTestArchive, streamOf } from "../../helpers/archive.ts";
import { testContext } from "../../helpers/context.ts";
import { failureOf } from "../../helpers/errors.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import type { ExtractResult } from "../../../src/app/extract.ts";

const archive = await makeTestArchive();
const env = { SOPS_AGE_KEY: archive.identity };

interface Place {
  readonly directory: string;
  readonly output: string;
  readonly stageParent: string;
  extract(paths: readonly string[], output?: string): Promise<ExtractResult>;
}

/** A folder with the archive, one for output that does not exist yet, and one where plaintext may wait. */
function inPlace<T>(action: (place: Place) => Promise<T>, bytes = archive.bytes): Promise<T> {
  return withFolder(async (folder) => {
    const directory = `${folder}/archives`;
    const stageParent = `${folder}/stage`;
    mkdirSync(directory);
    mkdirSync(stageParent);
    writeFileSync(`${directory}/${archive.name}`, bytes);
    const output = `${folder}/out`;
    const options = { archive: undefined, directory, identityFiles: [], stageParent };
    try {
      return await action({
        directory,
        output,
        stageParent,
        extract: (paths, to = output) =>
          extractFiles(testContext({ env }), { ...options, paths, output: to }),
      });
    } finally {
      expect(treeOf(stageParent)).toEqual([]);
    }
  });
}

describe("extractFiles()", () => {
  test("writes what was named, private, below a private folder", async () => {
    await inPlace(async ({ extract, output }) => {
      await using result = await extract(["helm", "RUNBOOK.md"]);
      expect(treeOf(output)).toEqual([
        "RUNBOOK.md",
        "helm",
        "helm/default",
        "helm/default/db",
        "helm/default/db/values.yaml",
        "helm/default/web",
        "helm/default/web/values.yaml",
      ]);
      expect(readFileSync(`${output}/helm/default/web/values.yaml`, "utf8")).toBe("replicas: 2\n");
      expect(readFileSync(`${output}/RUNBOOK.md`, "utf8")).toBe(archive.runbook);
      expect(statSync(`${output}/RUNBOOK.md`).mode & 0o777).toBe(0o600);
      for (const folder of [output, `${output}/helm`]) {
        expect(statSync(folder).mode & 0o777).toBe(0o700);
      }
      expect(result.files).toHaveLength(3);
    });
  });

  test("writes everything when nothing is named", async () => {
    await inPlace(async ({ extract, output }) => {
      await using result = await extract([]);
      expect(result.files).toHaveLength(archive.manifest.entries.length + 2);
      expect(JSON.parse(readFileSync(`${output}/manifest.json`, "utf8"))).toEqual(archive.manifest);
    });
  });

  test("writes nothing of an archive whose very last byte is wrong", async () => {
    const broken = archive.bytes.slice();
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
    await inPlace(async ({ extract, output }) => {
      expect((await failureOf(() => extract(["RUNBOOK.md"]))).exit).toBe("verifyFailed");
      expect((await failureOf(() => extract(["RUNBOOK.md"], "-"))).exit).toBe("verifyFailed");
      expect(lstatSync(output, { throwIfNoEntry: false })).toBeUndefined();
    }, broken);
  });

  test("overwrites nothing and leaves nothing when a file is there", async () => {
    await inPlace(async ({ extract, output }) => {
      mkdirSync(`${output}/helm/default/web`, { recursive: true });
      writeFileSync(`${output}/helm/default/web/values.yaml`, "mine");
      const error = await failureOf(() => extract([]));
      expect([error.code, error.exit]).toEqual(["OUTPUT_EXISTS", "refused"]);
      expect(readFileSync(`${output}/helm/default/web/values.yaml`, "utf8")).toBe("mine");
      expect(treeOf(output)).toHaveLength(4);
    });
  });

  test("adds to an existing folder when nothing is in the way", async () => {
    await inPlace(async ({ extract, output }) => {
      mkdirSync(output, { mode: 0o755 });
      writeFileSync(`${output}/mine`, "x");
      await using _result = await extract(["RUNBOOK.md"]);
      expect(treeOf(output)).toEqual(["RUNBOOK.md", "mine"]);
    });
  });

  test("does not write through links: the folder, one in it, or the file itself", async () => {
    await inPlace(async ({ extract, output, directory }) => {
      const elsewhere = `${directory}/elsewhere`;
      mkdirSync(elsewhere);
      symlinkSync(elsewhere, output);
      expect((await failureOf(() => extract(["helm"]))).code).toBe("OUTPUT_IS_LINK");
      const inside = `${directory}/inside`;
      mkdirSync(inside);
      symlinkSync(elsewhere, `${inside}/helm`);
      symlinkSync(`${elsewhere}/new`, `${inside}/RUNBOOK.md`);
      expect((await failureOf(() => extract(["helm"], inside))).code).toBe("OUTPUT_IS_LINK");
      expect((await failureOf(() => extract(["RUNBOOK.md"], inside))).code).toBe("OUTPUT_IS_LINK");
      expect(treeOf(elsewhere)).toEqual([]);
    });
  });

  test("gives the bytes of one file for standard output, and refuses several", async () => {
    await inPlace(async ({ extract }) => {
      await using result = await extract(["helm/*/web/values.yaml"], "-");
      if (result.stream === undefined) throw new Error("there is no stream");
      expect(new TextDecoder().decode(await collect(result.stream))).toBe("replicas: 2\n");
      const error = await failureOf(() => extract(["helm"], "-"));
      expect([error.code, error.exit]).toEqual(["TOO_MANY_FILES", "usage"]);
    });
  });

  test("says which pattern matches nothing, and writes nothing of the others", async () => {
    await inPlace(async ({ extract, output }) => {
      const error = await failureOf(() => extract(["RUNBOOK.md", "helm/*/missing"]));
      expect([error.code, error.exit]).toEqual(["NO_MATCH", "notFound"]);
      expect(error.message).toContain("helm/*/missing");
      expect(lstatSync(output, { throwIfNoEntry: false })).toBeUndefined();
    });
  });

  test("gives an empty file as an empty stream", async () => {
    const bytes = new Uint8Array(0);
    const one = await makeTestArchive({ files: [{ path: "empty", kind: "config", bytes }] });
    await inPlace(async ({ extract }) => {
      await using result = await extract(["empty"], "-");
      if (result.stream === undefined) throw new Error("there is no stream");
      expect(await collect(result.stream)).toHaveLength(0);
    }, one.bytes);
  });
});

describe("writeNewFiles()", () => {
  test("removes what it made when a later file fails, and only that", async () => {
    await withFolder(async (folder) => {
      writeFileSync(`${folder}/mine`, "x");
      const good = { path: "a/b", stream: () => streamOf(new Uint8Array(5)) };
      const bad = {
        path: "c/d",
        async *stream(): AsyncGenerator<Uint8Array> {
          yield new Uint8Array(5);
          throw new Error("disk gone");
        },
      };
      await expect(writeNewFiles(folder, [good, bad])).rejects.toThrow("disk gone");
      await expect(writeNewFiles(`${folder}/new/er`, [good, bad])).rejects.toThrow("disk gone");
      await expect(writeNewFiles(folder, [good, { ...good, path: "mine" }])).rejects.toThrow(
        "EEXIST",
      );
      expect(treeOf(folder)).toEqual(["mine"]);
      expect(readFileSync(`${folder}/mine`, "utf8")).toBe("x");
    });
  });
});

describe("matchesPattern()", () => {
  const path = "helm/default/web/values.yaml";
  test("takes exact paths, folders and globs", () => {
    for (const pattern of [
      path,
      `./${path}`,
      "helm",
      "helm/",
      "helm/default",
      "**",
      "helm/**",
      "**/*.yaml",
      "helm/*/web/*",
      "helm/default/we?/values.yaml",
      "**/values.yaml",
    ]) {
      expect([pattern, matchesPattern(path, pattern)]).toEqual([pattern, true]);
    }
  });

  test("takes nothing else: not parts of names, not `*` across folders, not regular expressions", () => {
    for (const pattern of [
      "hel",
      "values.yaml",
      "*",
      "helm/*",
      "*.yaml",
      "helm/default/web/valuesXyaml",
      "helm.default",
      "h(elm|x)/**",
      "HELM",
      "",
    ]) {
      expect([pattern, matchesPattern(path, pattern)]).toEqual([pattern, false]);
    }
    expect(matchesPattern("values.yaml", "**/values.yaml")).toBe(true);
    expect(matchesPattern("valuesXyaml", "*alues.yaml")).toBe(false);
  });
});

describe("showArchive()", () => {
  const show = (directory: string) =>
    showArchive(testContext({ env }), { archive: undefined, directory, identityFiles: [] });

  test("shows manifest and runbook of the newest archive", async () => {
    await inPlace(async ({ directory }) => {
      const shown = await show(directory);
      expect(shown.manifest).toEqual(archive.manifest);
      expect(shown.runbook).toBe(archive.runbook);
      expect([shown.size, shown.signature.state]).toEqual([archive.bytes.length, "unsigned"]);
    });
  });

  test("refuses an archive whose signature is wrong", async () => {
    const forged = await makeTestArchive({
      manifest: { signature: { publicKey: "AAAA", value: "AAAA" } },
    });
    await inPlace(async ({ directory, extract }) => {
      expect((await failureOf(() => show(directory))).code).toBe("SIGNATURE_WRONG");
      expect((await failureOf(() => extract([]))).code).toBe("SIGNATURE_WRONG");
    }, forged.bytes);
  });
});
