/** Values files are read and merged as the real helm does it; none of it asks a cluster. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import * as v from "valibot";
import { stringify } from "yaml";
import { mergeAll } from "../../src/ha/merge-values.ts";
import { parseValues } from "../../src/ha/parse-values.ts";
import { plainOf } from "../../src/ha/value-node.ts";
import { statOf } from "../../src/sys/files.ts";
import { testHost } from "../helpers/host.ts";
import { anyValues } from "../unit/ha/support.ts";

const HELM = join(
  resolve(process.env["LAB_BIN"] ?? join(import.meta.dirname, "../../.lab/bin")),
  "helm",
);
const Release = v.object({ config: v.optional(v.unknown()) });

let box = "";
beforeAll(async () => {
  if ((await statOf(HELM)) === undefined)
    throw new Error(`there is no ${HELM}; run: make lab-build`);
  box = await mkdtemp(join(tmpdir(), "helm-values-"));
  await mkdir(join(box, "chart/templates"), { recursive: true });
  await writeFile(join(box, "chart/Chart.yaml"), "apiVersion: v2\nname: chart\nversion: 1.0.0\n");
  await writeFile(join(box, "chart/values.yaml"), "{}\n");
});
afterAll(() => rm(box, { recursive: true, force: true }));

/** What helm would store as the user's values; a text instead of that when it refuses them. */
async function helmConfig(files: readonly string[]): Promise<unknown> {
  const flags: string[] = [];
  for (const [index, text] of files.entries()) {
    const path = join(box, `${index}.yaml`);
    await writeFile(path, text);
    flags.push("-f", path);
  }
  const args = [
    "install",
    "release",
    join(box, "chart"),
    ...flags,
    "--dry-run=client",
    "-o",
    "json",
  ];
  const result = await testHost({ home: box }).run([HELM, ...args], { cwd: box });
  if (result.exitCode !== 0) return "refused";
  return v.parse(Release, JSON.parse(result.stdout)).config ?? {};
}

function ourConfig(files: readonly string[]): unknown {
  try {
    const roots = files.map((text, index) => parseValues(text, { file: String(index) }).root);
    return JSON.parse(JSON.stringify(plainOf(mergeAll(roots))));
  } catch {
    return "refused";
  }
}

describe("values, as helm reads them", () => {
  const WORDS = [
    "yes No on OFF y n Y true False TRUE null ~ Null",
    "017 08 0o17 0x1F 0b101 1_000 -5 +5 1. .5 -.5 1e3 1E-3 1e21 0x +",
    "1.50 1.0 -0 00 0_7 1__0 _1 12e03 1:30 190:20:30 2026-01-01 2026-01-01T00:00:00Z",
    "0.1.2 v1 1a 12345678901234567 e3 1e .. - 0o 0b2 4_ 5e+_3",
  ]
    .join(" ")
    .split(" ")
    .filter((word) => word !== "-");

  test("mean the same, word by word", async () => {
    const text = WORDS.map((word, index) => `k${index}: ${word}\n`).join("");
    const wanted = await helmConfig([text]);
    expect(wanted).not.toBe("refused");
    expect(ourConfig([text])).toEqual(wanted);
  });

  test("have the same keys", async () => {
    const text = WORDS.filter((word) => !["null", "~", "Null"].includes(word))
      .map((word, index) => `m${index}:\n  ${word}: 1\n`)
      .join("");
    const wanted = await helmConfig([text]);
    expect(wanted).not.toBe("refused");
    expect(ourConfig([text])).toEqual(wanted);
  });

  const FILES: readonly (readonly [name: string, ...files: string[]])[] = [
    ["a later file wins", "a: {x: 1}\nb: 1\n", "a: {z: 2}\nb: two\n"],
    ["null stays in what is stored", "a: {x: 1, z: 2}\n", "a: {x: null}\nb: null\n"],
    ["lists are replaced", "a: [1, 2]\n", "a: [3]\n"],
    ["a map replaces a scalar and the other way round", "a: 1\nb: {x: 1}\n", "a: {x: 1}\nb: 1\n"],
    ["several documents in one file", "a: 1\n---\nb: {x: 1}\n---\nb: {z: 2}\n"],
    ["a key twice", "a: {x: 1}\nb: 1\na: {z: 2}\n"],
    ["anchors and merge keys", "base: &b {x: 1, z: {w: 2}}\nc:\n  <<: *b\n  x: 3\nd: [*b]\n"],
    ["two merge keys in a list", "p: &p {x: 1}\nq: &q {x: 2, z: 3}\nc:\n  <<: [*p, *q]\n  w: 1\n"],
    ["tags", "a: !!str 5\nb: !!int '7'\nc: !!float '1'\nd: !!binary aGk=\ne: !!bool 'true'\n"],
    ["texts of several lines", "a: |\n  x\n  y\nb: >-\n  x\n  y\nc: 'it''s'\nd: \"\\u00fc\\n\"\n"],
    ["an empty file", ""],
    ["comments only", "# nothing\n"],
    ["JSON", '{"a": {"b": [1, "x", null, true]}}'],
    ["a list instead of a map", "- 1\n"],
    ["not YAML", "a: [1\n"],
    ["tabs", "a:\n\tb: 1\n"],
    ["an alias without anchor", "a: *b\n"],
    ["a file without a line end", "a: 1\nb: 2"],
    ["a byte order mark", "\ufeffa: 1\n"],
    ["Windows line ends", "a: 1\r\nb:\r\n  - x\r\n"],
  ];
  for (const [name, ...files] of FILES) {
    test(`are the same for ${name}`, async () => {
      expect(ourConfig(files)).toEqual(await helmConfig(files));
    });
  }

  test("merge the same, for random files", async () => {
    const pairs = fc.sample(fc.array(anyValues, { minLength: 1, maxLength: 3 }), {
      numRuns: 25,
      seed: 5,
    });
    for (const jsons of pairs) {
      const files = jsons.map((json) => stringify(json, { version: "1.1" }));
      expect([files, ourConfig(files)]).toEqual([files, await helmConfig(files)]);
    }
  });
});
