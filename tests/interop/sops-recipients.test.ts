/** Against the real sops: what it encrypts to for a `.sops.yaml` is what we resolve to. */
import { beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import * as v from "valibot";
import { OperatorError } from "../../src/errors.ts";
import { resolveRecipients } from "../../src/keys/recipients.ts";
import { testHost } from "../helpers/host.ts";
import { Encrypted, boxForEachTest, pair } from "./sops-box.ts";
import type { FoundIdentities } from "../../src/keys/found.ts";
import type { Env } from "./sops-box.ts";

const box = boxForEachTest();
const NOBODY: FoundIdentities = { identities: [], problems: [], places: [] };

function resolveHere(target: string, env: Env): Promise<{ recipients: readonly string[] }> {
  return resolveRecipients(testHost({ env: { HOME: box.home, ...env } }), {
    recipients: [],
    recipientFiles: [],
    workingDirectory: box.path,
    target: join(box.path, target),
    identities: NOBODY,
  });
}

describe("the recipients that sops uses", () => {
  let A: string;
  let B: string;
  let C: string;
  beforeAll(async () => {
    A = (await pair()).recipient;
    B = (await pair()).recipient;
    C = (await pair("post-quantum")).recipient;
  });

  const rules = (text: string): string => `creation_rules:\n${text}`;
  // A, B (classic) and PQ (post-quantum) stand for recipients.
  const table: readonly [
    name: string,
    yaml: string,
    target?: string,
    env?: Record<string, string>,
  ][] = [
    ["comma text", rules("  - age: A,B\n")],
    ["comma text with spaces, empties and a trailing comma", rules("  - age: ' A , , B ,'\n")],
    ["folded text", rules("  - age: >-\n      A,\n      B\n")],
    ["folded text with a trailing comma", rules("  - age: >\n      A,\n      B,\n")],
    ["list", rules("  - age: [A, B]\n")],
    ["list with commas in it", rules("  - age: ['A,B']\n")],
    ["list with a trailing comma (an error)", rules("  - age: ['A,', B]\n")],
    ["list with an empty item (an error)", rules("  - age: ['', B]\n")],
    ["twice the same", rules("  - age: A,A\n")],
    ["post-quantum", rules("  - age: PQ\n")],
    [
      "first match of several",
      rules(
        "  - path_regex: other/\n    age: A\n  - path_regex: \\.yaml$\n    age: B\n  - age: A\n",
      ),
      "data/x.yaml",
    ],
    ["no match (an error)", rules("  - path_regex: other/\n    age: A\n"), "data/x.yaml"],
    ["no rules at all (an error)", "creation_rules: []\n"],
    [
      "anchored, relative to the folder",
      rules("  - path_regex: ^data/x\n    age: A\n  - age: B\n"),
      "data/x.yaml",
    ],
    [
      "anchored at the root, so not",
      rules("  - path_regex: ^/\n    age: A\n  - age: B\n"),
      "data/x.yaml",
    ],
    ["case folding", rules("  - path_regex: (?i)^DATA/\n    age: A\n  - age: B\n"), "data/x.yaml"],
    [
      "\\A and \\z",
      rules("  - path_regex: \\Adata/.*\\.yaml\\z\n    age: A\n  - age: B\n"),
      "data/x.yaml",
    ],
    [
      "a Go-only group and class",
      rules("  - path_regex: ^(?P<d>[[:alpha:]]+)/\\Qx.\\Eyaml$\n    age: A\n  - age: B\n"),
      "data/x.yaml",
    ],
    ["look-ahead (an error)", rules("  - path_regex: data(?=/)\n    age: A\n"), "data/x.yaml"],
    [
      "look-ahead behind the match",
      rules("  - age: A\n  - path_regex: data(?=/)\n    age: B\n"),
      "data/x.yaml",
    ],
    [
      "path_regex that is a number",
      rules("  - path_regex: 7\n    age: A\n  - age: B\n"),
      "data/7.yaml",
    ],
    ["one key group", rules("  - key_groups:\n    - age: ['A, B', A]\n")],
    ["one key group beats the rule's own", rules("  - age: A\n    key_groups:\n    - age: [B]\n")],
    ["empty key groups do not", rules("  - age: A\n    key_groups: []\n")],
    [
      "merged key groups",
      rules(
        "  - key_groups:\n    - merge:\n      - age: [A]\n        merge:\n        - age: [B, '']\n      age: [A]\n",
      ),
    ],
    [
      "key group with a text for a list (an error)",
      rules("  - age: A\n  - key_groups:\n    - age: B\n"),
    ],
    ["key group with a trailing comma (an error)", rules("  - key_groups:\n    - age: ['A,']\n")],
    [
      "anchors and merge keys",
      `people:\n  - &a A\ncreation_rules:\n  - &r\n    path_regex: nope\n    age: *a\n  - <<: *r\n    path_regex: data\n`,
      "data/x.yaml",
    ],
    ["null rule", rules("  -\n  - age: A\n")],
    ["two documents", `${rules("  - age: A\n")}---\n[\n`],
    ["capitals (an error)", rules("  - age: AGE1QQQ\n")],
    ["a map for age (an error)", rules("  - age: {a: b}\n")],
    ["a number for age (an error)", rules("  - age: 1\n")],
    ["broken YAML (an error)", "creation_rules:\n  - age: A\n   x: y\n"],
    ["the same key twice (an error)", rules("  - age: A\n    age: B\n")],
    [
      "SOPS_AGE_RECIPIENTS over a rule",
      rules("  - age: A\n"),
      "x.yaml",
      { SOPS_AGE_RECIPIENTS: "B" },
    ],
    [
      "SOPS_AGE_RECIPIENTS with spaces",
      rules("  - age: A\n"),
      "x.yaml",
      { SOPS_AGE_RECIPIENTS: " B , A " },
    ],
    [
      "SOPS_AGE_RECIPIENTS with a trailing comma (an error)",
      rules("  - age: A\n"),
      "x.yaml",
      { SOPS_AGE_RECIPIENTS: "B," },
    ],
    ["empty SOPS_AGE_RECIPIENTS", rules("  - age: A\n"), "x.yaml", { SOPS_AGE_RECIPIENTS: "" }],
    [
      "SOPS_CONFIG over the search",
      rules("  - age: A\n"),
      "x.yaml",
      { SOPS_CONFIG: "other/sops-b.yaml" },
    ],
    [
      "SOPS_CONFIG that is missing (an error)",
      rules("  - age: A\n"),
      "x.yaml",
      { SOPS_CONFIG: "other/gone.yaml" },
    ],
  ];

  for (const [name, yaml, target = "x.yaml", env = {}] of table) {
    test(`are ours too: ${name}`, async () => {
      const fill = (text: string): string =>
        text
          .replace(/\bA\b/g, A)
          .replace(/\bB\b/g, B)
          .replace(/\bPQ\b/g, C);
      const filled = Object.fromEntries(
        Object.entries(env).map(([key, value]) => [key, fill(value)]),
      );
      await box.write(".sops.yaml", fill(yaml));
      await box.write("other/sops-b.yaml", fill(rules("  - age: B\n")));
      await box.write(target, "a: b\n");
      const theirs = await box.sops(
        ["encrypt", "--output-type", "json", join(box.path, target)],
        filled,
      );
      let ours: readonly string[] | undefined;
      try {
        ours = (await resolveHere(target, filled)).recipients;
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
      }
      expect(theirs.ok).toBe(!name.endsWith("(an error)"));
      if (!theirs.ok) {
        expect(ours).toBeUndefined();
        return;
      }
      const { sops: meta } = v.parse(Encrypted, JSON.parse(theirs.stdout));
      // sops repeats what a rule repeats; to us once is enough.
      expect(ours).toEqual([...new Set(meta.age.map(({ recipient }) => recipient))]);
    });
  }

  test("are refused here when sops would split the key among groups", async () => {
    await box.write(".sops.yaml", rules(`  - key_groups:\n    - age: [${A}]\n    - age: [${B}]\n`));
    await box.write("x.yaml", "a: b\n");
    expect(
      (await box.sops(["encrypt", "--output-type", "json", join(box.path, "x.yaml")])).ok,
    ).toBe(true);
    await expect(resolveHere("x.yaml", {})).rejects.toThrow("has 2 key groups");
  });

  test("come from SOPS_AGE_RECIPIENTS here even when no rule matches, where sops stops", async () => {
    // sops wants the rule for its other settings (encrypted_regex, …); an archive has none of those.
    await box.write(".sops.yaml", rules(`  - path_regex: nope\n    age: ${A}\n`));
    await box.write("x.yaml", "a: b\n");
    const env = { SOPS_AGE_RECIPIENTS: B };
    const theirs = await box.sops(
      ["encrypt", "--output-type", "json", join(box.path, "x.yaml")],
      env,
    );
    expect(theirs.stderr).toContain("no matching creation rules found");
    expect((await resolveHere("x.yaml", env)).recipients).toEqual([B]);
  });
});
