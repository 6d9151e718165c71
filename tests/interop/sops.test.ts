/**
 * Against the real sops: what it reads as a key we find too, and what it
 * encrypts to for a `.sops.yaml` is what we resolve to.
 */
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import * as v from "valibot";
import {
  Decrypter,
  armor,
  generateHybridIdentity,
  generateIdentity,
  identityToRecipient,
} from "age-encryption";
import { OperatorError } from "../../src/errors.ts";
import { discoverIdentities } from "../../src/keys/identities.ts";
import { proveOpens } from "../../src/keys/prove.ts";
import { resolveRecipients } from "../../src/keys/recipients.ts";
import { statOf } from "../../src/sys/files.ts";
import { testHost } from "../helpers/host.ts";
import type { FoundIdentities } from "../../src/keys/found.ts";

const LAB_BIN = resolve(process.env["LAB_BIN"] ?? join(import.meta.dirname, "../../.lab/bin"));
const SOPS = join(LAB_BIN, "sops");

const Encrypted = v.object({
  sops: v.object({
    age: v.nullish(v.array(v.object({ recipient: v.string(), enc: v.string() })), []),
  }),
});

let box: string;
let home: string;

beforeAll(async () => {
  if ((await statOf(SOPS)) === undefined)
    throw new Error(`there is no ${SOPS}; run: make lab-build`);
});
beforeEach(async () => {
  box = await mkdtemp(join(tmpdir(), "sops-"));
  home = join(box, "home");
  await mkdir(home);
});
afterEach(() => rm(box, { recursive: true, force: true }));

async function write(path: string, content: string): Promise<string> {
  const target = join(box, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, content, { mode: 0o600 });
  return target;
}

type Env = Readonly<Record<string, string>>;

/** Runs sops in the box with HOME and `env` alone. */
async function sops(
  args: readonly string[],
  env: Env = {},
): Promise<{ ok: boolean; stdout: string; stderr: string }> {
  const result = await testHost({ home }).run([SOPS, ...args], {
    cwd: box,
    env: { HOME: home, ...env },
  });
  return { ok: result.exitCode === 0, stdout: result.stdout, stderr: result.stderr };
}

const NOBODY: FoundIdentities = { identities: [], problems: [], places: [] };

function resolveHere(target: string, env: Env): Promise<{ recipients: readonly string[] }> {
  return resolveRecipients(testHost({ env: { HOME: home, ...env } }), {
    recipients: [],
    recipientFiles: [],
    workingDirectory: box,
    target: join(box, target),
    identities: NOBODY,
  });
}

async function pair(
  kind: "classic" | "post-quantum" = "classic",
): Promise<{ secret: string; recipient: string }> {
  const secret = await (kind === "classic" ? generateIdentity() : generateHybridIdentity());
  return { secret, recipient: await identityToRecipient(secret) };
}

describe("a key that sops reads", () => {
  const KEYS_TXT = "home/.config/sops/age/keys.txt";
  type Place = (secret: string, other: string) => Promise<Env>;
  const places: readonly [name: string, place: Place][] = [
    ["in SOPS_AGE_KEY", (secret) => Promise.resolve({ SOPS_AGE_KEY: secret })],
    [
      "second in SOPS_AGE_KEY, after a space",
      (secret, other) => Promise.resolve({ SOPS_AGE_KEY: `${other} ${secret}` }),
    ],
    [
      "after a comment line in SOPS_AGE_KEY",
      (secret, other) => Promise.resolve({ SOPS_AGE_KEY: `# ${other}\n\n${secret}\n` }),
    ],
    [
      "in SOPS_AGE_KEY_FILE",
      async (secret) => ({ SOPS_AGE_KEY_FILE: await write("key.txt", `${secret}\n`) }),
    ],
    [
      "in a SOPS_AGE_KEY_FILE with CRLF and comments",
      async (secret) => ({ SOPS_AGE_KEY_FILE: await write("key.txt", `# a\r\n\r\n${secret}\r\n`) }),
    ],
    [
      "in a relative SOPS_AGE_KEY_FILE",
      async (secret) => {
        await write("sub/key.txt", secret);
        return { SOPS_AGE_KEY_FILE: "sub/key.txt" };
      },
    ],
    [
      "printed by SOPS_AGE_KEY_CMD",
      async (secret) => ({
        SOPS_AGE_KEY_CMD: `cat "${await write("my key.txt", secret)}" # comment`,
      }),
    ],
    [
      "printed by a script of SOPS_AGE_KEY_CMD that sees the environment",
      async (secret) => ({
        WHERE: await write("k", secret),
        SOPS_AGE_KEY_CMD: "sh -c 'cat \"$WHERE\"'",
      }),
    ],
    [
      "in keys.txt below HOME",
      async (secret) => {
        await write(KEYS_TXT, secret);
        return {};
      },
    ],
    [
      "in keys.txt below XDG_CONFIG_HOME",
      async (secret) => {
        await write("xdg/sops/age/keys.txt", secret);
        return { XDG_CONFIG_HOME: join(box, "xdg") };
      },
    ],
    [
      "in keys.txt, although SOPS_AGE_KEY is set to another",
      async (secret, other) => {
        await write(KEYS_TXT, secret);
        return { SOPS_AGE_KEY: other };
      },
    ],
    [
      "in keys.txt, although SOPS_AGE_KEY_FILE is missing",
      async (secret) => {
        await write(KEYS_TXT, secret);
        return { SOPS_AGE_KEY_FILE: "/nonexistent/key" };
      },
    ],
    [
      "in keys.txt, although SOPS_AGE_KEY is garbage",
      async (secret) => {
        await write(KEYS_TXT, secret);
        return { SOPS_AGE_KEY: "garbage" };
      },
    ],
  ];

  for (const kind of ["classic", "post-quantum"] as const) {
    for (const [name, place] of places) {
      test(`${name} is found here too and opens what is encrypted for it (${kind})`, async () => {
        const key = await pair(kind);
        const other = await pair();
        const secretFile = await write("secret.yaml", "password: hunter2\n");
        const encrypted = await sops([
          "encrypt",
          "--age",
          key.recipient,
          "--output-type",
          "json",
          secretFile,
        ]);
        expect(encrypted.stderr).toBe("");
        const file = await write("secret.enc.json", encrypted.stdout);
        const env = await place(key.secret, other.secret);

        const decrypted = await sops(["decrypt", file], env);
        expect([decrypted.ok, decrypted.stdout.includes("hunter2")]).toEqual([true, true]);

        const identities = await discoverIdentities(testHost({ env: { HOME: home, ...env } }), {
          files: [],
          workingDirectory: box,
        });
        const { openedBy } = await proveOpens({ recipients: [key.recipient], identities });
        expect(openedBy.map(({ recipient }) => recipient)).toEqual([key.recipient]);

        // The same secret opens the data key that sops itself encrypted.
        const { sops: meta } = v.parse(Encrypted, JSON.parse(encrypted.stdout));
        const decrypter = new Decrypter();
        decrypter.addIdentity(openedBy[0]?.secret ?? "");
        const dataKey = await decrypter.decrypt(armor.decode(meta.age[0]?.enc ?? ""));
        expect(dataKey).toHaveLength(32);
      });
    }
  }

  test("is given up by both when a line of its source is wrong", async () => {
    const key = await pair();
    const file = await write(
      "s.json",
      (
        await sops([
          "encrypt",
          "--age",
          key.recipient,
          "--output-type",
          "json",
          await write("s.yaml", "a: b\n"),
        ])
      ).stdout,
    );
    const env = { SOPS_AGE_KEY_FILE: await write("key.txt", `${key.secret}\nwrong\n`) };
    expect((await sops(["decrypt", file], env)).ok).toBe(false);
    const found = await discoverIdentities(testHost({ env: { HOME: home, ...env } }), {
      files: [],
    });
    expect(found.identities).toEqual([]);
  });
});

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
      await write(".sops.yaml", fill(yaml));
      await write("other/sops-b.yaml", fill(rules("  - age: B\n")));
      await write(target, "a: b\n");
      const theirs = await sops(["encrypt", "--output-type", "json", join(box, target)], filled);
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
    await write(".sops.yaml", rules(`  - key_groups:\n    - age: [${A}]\n    - age: [${B}]\n`));
    await write("x.yaml", "a: b\n");
    expect((await sops(["encrypt", "--output-type", "json", join(box, "x.yaml")])).ok).toBe(true);
    await expect(resolveHere("x.yaml", {})).rejects.toThrow("has 2 key groups");
  });

  test("come from SOPS_AGE_RECIPIENTS here even when no rule matches, where sops stops", async () => {
    // sops wants the rule for its other settings (encrypted_regex, …); an archive has none of those.
    await write(".sops.yaml", rules(`  - path_regex: nope\n    age: ${A}\n`));
    await write("x.yaml", "a: b\n");
    const env = { SOPS_AGE_RECIPIENTS: B };
    const theirs = await sops(["encrypt", "--output-type", "json", join(box, "x.yaml")], env);
    expect(theirs.stderr).toContain("no matching creation rules found");
    expect((await resolveHere("x.yaml", env)).recipients).toEqual([B]);
  });
});
