import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { recipientsFromSops } from "../../../src/keys/sops-config.ts";
import { testHost } from "../../helpers/host.ts";
import { keyPair, refusal, sandbox } from "./fixtures.ts";
import type { Sandbox } from "./fixtures.ts";
import type { SopsRecipients } from "../../../src/keys/sops-config.ts";

let box: Sandbox;
let A: string;
let B: string;
let C: string;
beforeAll(async () => {
  A = (await keyPair()).recipient;
  B = (await keyPair()).recipient;
  C = (await keyPair()).recipient;
});
beforeEach(async () => {
  box = await sandbox();
});
afterEach(() => box[Symbol.asyncDispose]());

interface Ask {
  readonly target?: string;
  readonly from?: string;
  readonly sopsConfig?: string;
  readonly env?: Record<string, string>;
  readonly uid?: number;
}

function ask(options: Ask = {}): Promise<SopsRecipients> {
  return recipientsFromSops(
    testHost({ env: options.env ?? {}, uid: options.uid ?? process.getuid?.() ?? 0 }),
    {
      workingDirectory: join(box.path, options.from ?? ""),
      target: join(box.path, options.target ?? "backup/x.tar.zst.age"),
      ...(options.sopsConfig === undefined ? {} : { sopsConfig: options.sopsConfig }),
    },
  );
}

/** Number of the rule and its recipients (as letters) for a `.sops.yaml`; A, B, C in the text stand for recipients. */
async function answer(yaml: string, options: Ask = {}): Promise<string> {
  await box.write(
    ".sops.yaml",
    yaml.replace(/\bA\b/g, A).replace(/\bB\b/g, B).replace(/\bC\b/g, C),
  );
  const { rule, warnings } = await ask(options);
  const letters = rule?.recipients.map(
    ({ text }) => ({ [A]: "A", [B]: "B", [C]: "C" })[text] ?? `?${text}`,
  );
  return [
    rule === undefined ? "none" : `${rule.number}:${letters?.join("")}`,
    ...warnings.map(({ code }) => code),
  ].join(" ");
}

describe("recipientsFromSops() rules", () => {
  const table: readonly [name: string, yaml: string, expected: string][] = [
    [
      "takes a comma text, folded or not, and skips empty items",
      "creation_rules:\n  - age: >-\n      A,\n      B,\n",
      "1:AB",
    ],
    [
      "takes a list, whose items may hold commas",
      "creation_rules:\n  - age: ['A,B', C]\n",
      "1:ABC",
    ],
    [
      "keeps an empty item of a list, which is refused later as in SOPS",
      "creation_rules:\n  - age: ['A,', B]\n",
      "1:A?B",
    ],
    [
      "takes the first rule that matches",
      "creation_rules:\n  - path_regex: ^nothing\n    age: A\n  - path_regex: \\.age$\n    age: B\n  - age: C\n",
      "2:B",
    ],
    [
      "lets a missing or empty path_regex match everything",
      "creation_rules:\n  - path_regex: ''\n    age: A\n  - age: B\n",
      "1:A",
    ],
    [
      "matches unanchored, relative to the configuration's folder",
      "creation_rules:\n  - path_regex: ^backup/x\\.tar\n    age: A\n",
      "1:A",
    ],
    [
      "takes key groups with commas and nested merges, merged first, each once",
      "creation_rules:\n  - key_groups:\n    - age: ['A , B']\n      merge:\n      - age: [C]\n        merge:\n        - age: [B, '']\n",
      "1:BCA",
    ],
    [
      "ignores the rule's own keys when there is a key group",
      "creation_rules:\n  - age: A\n    pgp: FP\n    key_groups:\n    - age: [B]\n",
      "1:B",
    ],
    [
      "takes the rule's own keys when key_groups is empty",
      "creation_rules:\n  - age: A\n    key_groups: []\n",
      "1:A",
    ],
    ["drops duplicates", "creation_rules:\n  - age: A,B,A\n", "1:AB"],
    [
      "follows anchors and merge keys",
      "x: &a A\ncreation_rules:\n  - &r\n    path_regex: nope\n    age: *a\n  - <<: *r\n    path_regex: age\n",
      "2:A",
    ],
    ["reads only the first document", "creation_rules:\n  - age: A\n---\n[\n", "1:A"],
    [
      "takes a text that looks like a number or a boolean for a text",
      "creation_rules:\n  - path_regex: 12\n    age: A\n  - path_regex: yes\n    age: B\n  - age: C\n",
      "3:C",
    ],
    ["skips null rules", "creation_rules:\n  -\n  - age: A\n", "2:A"],
    ["treats a file without creation rules like none", "destination_rules: []\n", "none"],
    ["treats creation_rules: null like none", "creation_rules:\n", "none"],
    ["treats an empty file like none", "# nothing\n", "none"],
    [
      "warns of other key types in the rule",
      "creation_rules:\n  - age: A\n    pgp: FP\n    kms: ''\n    gcp_kms: [x]\n",
      "1:A SOPS_OTHER_KEYS",
    ],
    [
      "warns of other key types in merged groups",
      "creation_rules:\n  - key_groups:\n    - age: [A]\n      merge:\n      - hc_vault: [http://v]\n",
      "1:A SOPS_OTHER_KEYS",
    ],
    [
      "warns when the matching rule has no age keys",
      "creation_rules:\n  - pgp: FP\n",
      "1: SOPS_OTHER_KEYS SOPS_RULE_WITHOUT_AGE",
    ],
  ];
  for (const [name, yaml, expected] of table) {
    test(name, async () => {
      expect(await answer(yaml)).toBe(expected);
    });
  }

  test("matches the absolute path when the target is not below the configuration's folder", async () => {
    await mkdir(join(box.path, "infra"));
    await box.write(
      "infra/.sops.yaml",
      `creation_rules:\n  - path_regex: ^backup\n    age: ${A}\n  - path_regex: ^/.*/backup/\n    age: ${B}\n`,
    );
    const { rule } = await ask({ from: "infra" });
    expect(rule?.number).toBe(2);
  });
});

describe("recipientsFromSops() refusals", () => {
  const table: readonly [name: string, yaml: string, exit: string, code: string, says: RegExp][] = [
    [
      "no rule that matches",
      "creation_rules:\n  - path_regex: nope\n    age: A\n",
      "key",
      "SOPS_NO_RULE",
      /no creation rule in .*\.sops\.yaml matches backup\/x\.tar\.zst\.age$/,
    ],
    ["an empty list of rules", "creation_rules: []\n", "key", "SOPS_NO_RULE", /no creation rule/],
    [
      "two key groups",
      "creation_rules:\n  - shamir_threshold: 1\n    key_groups:\n    - age: [A]\n    - age: [B]\n",
      "key",
      "SOPS_KEY_GROUPS",
      /:2 \(rule 1\) has 2 key groups/,
    ],
    [
      "broken YAML",
      "creation_rules:\n  - age: A\n   path_regex: x\n",
      "usage",
      "SOPS_CONFIG_INVALID",
      /\.sops\.yaml:3 is not valid YAML/,
    ],
    [
      "a key twice",
      "creation_rules:\n  - age: A\n    age: B\n",
      "usage",
      "SOPS_CONFIG_INVALID",
      /\.sops\.yaml:3 is not valid YAML/,
    ],
    [
      "rules that are no list",
      "\ncreation_rules:\n  age: A\n",
      "usage",
      "SOPS_CONFIG_INVALID",
      /\.sops\.yaml:[23] expects another kind of value for creation_rules/,
    ],
    [
      "a group whose age is no list, also in a rule that does not match",
      "creation_rules:\n  - age: A\n  - path_regex: nope\n    key_groups:\n    - age: A\n",
      "usage",
      "SOPS_CONFIG_INVALID",
      /\.sops\.yaml:5 expects another kind of value for age/,
    ],
    [
      "an age that is a map",
      "creation_rules:\n  - age: {a: b}\n",
      "usage",
      "SOPS_CONFIG_INVALID",
      /\.sops\.yaml:2 has an age:/,
    ],
    ["a text for a file", "hello\n", "usage", "SOPS_CONFIG_INVALID", /\.sops\.yaml:1 expects/],
    [
      "an alias without anchor",
      "creation_rules:\n  - age: *x\n",
      "usage",
      "SOPS_CONFIG_INVALID",
      /alias/,
    ],
    [
      "a group that merges itself",
      "creation_rules:\n  - key_groups:\n    - &g\n      merge: [*g]\n",
      "usage",
      "SOPS_CONFIG_INVALID",
      /alias|kind/,
    ],
    [
      "a path_regex that Go refuses too",
      "creation_rules:\n  - age: A\n    path_regex: a(?=b)\n",
      "usage",
      "SOPS_CONFIG_INVALID",
      /\.sops\.yaml:3 has a path_regex that cannot be used: Go knows no \(\?=b/,
    ],
  ];
  for (const [name, yaml, exit, code, says] of table) {
    test(`refuses ${name}`, async () => {
      const error = await refusal(() => answer(yaml));
      expect([error.exit, error.code]).toEqual([exit, code]);
      expect(error.message).toMatch(says);
    });
  }

  test("does not look at a path_regex after the rule that matches", async () => {
    expect(await answer("creation_rules:\n  - age: A\n  - path_regex: (?=x)\n    age: B\n")).toBe(
      "1:A",
    );
  });
});

describe("recipientsFromSops() search", () => {
  test("finds nothing, and says nothing, where there is no file", async () => {
    expect(await ask()).toEqual({ warnings: [] });
  });

  test("takes the nearest .sops.yaml upward from the working directory", async () => {
    await box.write(".sops.yaml", `creation_rules:\n  - age: ${A}\n`);
    await box.write("a/.sops.yaml", `creation_rules:\n  - age: ${B}\n`);
    await mkdir(join(box.path, "a/b/c"), { recursive: true });
    const { rule } = await ask({ from: "a/b/c" });
    expect(rule?.path).toBe(join(box.path, "a/.sops.yaml"));
  });

  test("warns of a .sops.yml on the way and does not read it", async () => {
    await box.write("a/.sops.yml", `creation_rules:\n  - age: ${B}\n`);
    await box.write(".sops.yaml", `creation_rules:\n  - age: ${A}\n`);
    const { rule, warnings } = await ask({ from: "a" });
    expect(rule?.path).toBe(join(box.path, ".sops.yaml"));
    expect(warnings.map(({ code }) => code)).toEqual(["SOPS_CONFIG_NAME"]);
    await box.write("only/.sops.yml", "x");
  });

  test("prefers the option to SOPS_CONFIG, and SOPS_CONFIG to the search", async () => {
    await box.write(".sops.yaml", `creation_rules:\n  - age: ${A}\n`);
    await box.write("one.yaml", `creation_rules:\n  - age: ${B}\n`);
    const two = await box.write("two.yaml", `creation_rules:\n  - age: ${C}\n`);
    const env = { SOPS_CONFIG: "one.yaml" };
    expect((await ask({ env })).rule?.recipients.map(({ text }) => text)).toEqual([B]);
    expect((await ask({ env, sopsConfig: two })).rule?.recipients.map(({ text }) => text)).toEqual([
      C,
    ]);
  });

  test("refuses a named file that is missing, a folder or too large", async () => {
    const missing = await refusal(() => ask({ env: { SOPS_CONFIG: "gone.yaml" } }));
    expect([missing.exit, missing.code]).toEqual(["usage", "SOPS_CONFIG_MISSING"]);
    expect(missing.message).toContain("SOPS_CONFIG names");
    const folder = await refusal(() => ask({ sopsConfig: box.home }));
    expect(folder.message).toContain("is a folder");
    await box.write("large.yaml", "#".repeat(1024 * 1024 + 1));
    expect((await refusal(() => ask({ sopsConfig: "large.yaml" }))).code).toBe(
      "SOPS_CONFIG_UNREADABLE",
    );
  });

  test("warns when others can write the file that decides who reads the backups", async () => {
    const path = await box.write(".sops.yaml", `creation_rules:\n  - age: ${A}\n`);
    await chmod(path, 0o664);
    expect((await ask()).warnings.map(({ code }) => code)).toEqual(["SOPS_CONFIG_EXPOSED"]);
    await chmod(path, 0o644);
    expect((await ask()).warnings).toEqual([]);
  });
});
