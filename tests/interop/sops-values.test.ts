/** Values files that the real sops encrypted, opened in memory; and every way to tamper with one. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { generateHybridIdentity, generateIdentity, identityToRecipient } from "age-encryption";
import { nodeAt, plainOf } from "../../src/ha/value-node.ts";
import { readValuesFile } from "../../src/ha/values-file.ts";
import { OperatorError } from "../../src/errors.ts";
import { failureOf } from "../helpers/errors.ts";
import { testHost } from "../helpers/host.ts";
import type { ValuesFile } from "../../src/ha/values-file.ts";

const BIN = resolve(process.env["LAB_BIN"] ?? join(import.meta.dirname, "../../.lab/bin"));

const VALUES = `# a comment
pgpool: # another
  srCheckPassword: hunter2   # beside it
  replicaCount: 2
  ratio: 1.5e-7
  large: 1e+30
  enabled: true
  word: yes
  octal: 017
  date: 2026-01-01
  nothing: null
  empty: ""
  list: [a, 2, {x: z, deep: [1, false]}]
  note_unencrypted: 3
  text: |
    several
    lines, ü and "quotes"
anchors: &a {q: w}
use: *a
"on": odd
"a:b": {"": colon}
`;

let box = "";
let secret = "";
let recipient = "";

beforeAll(async () => {
  box = await mkdtemp(join(tmpdir(), "sops-values-"));
  secret = await generateIdentity();
  recipient = await identityToRecipient(secret);
  await writeFile(join(box, "values.yaml"), VALUES);
  await writeFile(join(box, "key.txt"), `${secret}\n`, { mode: 0o600 });
});
afterAll(() => rm(box, { recursive: true, force: true }));

async function program(name: string, ...args: string[]): Promise<string> {
  const result = await testHost({ home: box }).run([join(BIN, name), ...args], {
    cwd: box,
    env: { SOPS_AGE_KEY_FILE: join(box, "key.txt") },
  });
  if (result.exitCode !== 0) throw new Error(`${name}: ${result.stderr}`);
  return result.stdout;
}

/** Encrypts the values by a rule of `.sops.yaml`. */
async function encrypt(rule = "", output: "yaml" | "json" = "yaml"): Promise<string> {
  await writeFile(join(box, "rule.yaml"), `creation_rules:\n  - age: ${recipient}\n${rule}`);
  return program(
    "sops",
    "--config",
    "rule.yaml",
    "encrypt",
    "--output-type",
    output,
    "values.yaml",
  );
}

function open(
  text: string | Uint8Array,
  identities: readonly string[] = [secret],
): Promise<ValuesFile> {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  return readValuesFile(bytes, { file: "v.yaml", identities: () => Promise.resolve(identities) });
}

const json = (file: ValuesFile): unknown => JSON.parse(JSON.stringify(plainOf(file.root)));

describe("a values file encrypted by sops", () => {
  const rules: readonly (readonly [string, string, ("yaml" | "json")?])[] = [
    ["whole", ""],
    ["in part, by a regex", "    encrypted_regex: (?i)password\n"],
    [
      "in part, with a MAC over that alone",
      "    encrypted_regex: (?i)password|list\n    mac_only_encrypted: true\n",
    ],
    ["but for a suffix", "    unencrypted_suffix: Count\n"],
    ["as JSON", "", "json"],
  ];
  for (const [name, rule, output] of rules) {
    test(`${name} says what sops decrypts`, async () => {
      const text = await encrypt(rule, output);
      const file = await open(text);
      expect(file.encryption).toBe("sops");
      await writeFile(join(box, "again.yaml"), text);
      const type = output ?? "yaml";
      const wanted = await program(
        "sops",
        "decrypt",
        "--input-type",
        type,
        "--output-type",
        "json",
        "again.yaml",
      );
      expect(json(file)).toEqual(JSON.parse(wanted));
      expect(file.sealed).toBe(0);
    });
  }

  test("marks as secret what was encrypted, and only that, with its line", async () => {
    const file = await open(await encrypt("    encrypted_regex: (?i)password\n"));
    expect(nodeAt(file.root, ["pgpool", "srCheckPassword"])).toMatchObject({
      secret: true,
      value: "hunter2",
    });
    expect(nodeAt(file.root, ["pgpool", "replicaCount"])).toMatchObject({
      secret: false,
      value: 2,
    });
    expect(nodeAt(file.root, ["pgpool", "srCheckPassword"])?.at.line).toBeGreaterThan(1);
  });

  test("keeps its merge keys, which helm follows once sops has decrypted it", async () => {
    const plain = "base: &b {x: 1, password: hunter2}\nweb:\n  <<: *b\n  x: 3\n";
    await writeFile(join(box, "merge.yaml"), plain);
    const text = await program("sops", "encrypt", "--age", recipient, "merge.yaml");
    const base = { x: 1, password: "hunter2" };
    expect(json(await open(text))).toEqual({ base, web: { ...base, x: 3 } });
  });

  test("reads words without quotes as sops does, not as helm", async () => {
    const text = await encrypt("    encrypted_regex: (?i)password\n");
    const edited = text.replace('word: "yes"', "word: yes");
    expect(edited).not.toBe(text);
    await writeFile(join(box, "edited.yaml"), edited);
    const theirs = JSON.parse(
      await program("sops", "decrypt", "--output-type", "json", "edited.yaml"),
    );
    expect(theirs).toMatchObject({ pgpool: { word: "yes" } });
    expect(json(await open(edited))).toEqual(theirs);
  });

  test("counts as present, unseen, without its key", async () => {
    const text = await encrypt();
    for (const identities of [[], [await generateIdentity()]]) {
      const file = await open(text, identities);
      expect(nodeAt(file.root, ["pgpool", "srCheckPassword"])?.kind).toBe("sealed");
      expect(file.sealed).toBeGreaterThan(10);
      expect(file.recipients).toEqual([recipient]);
    }
  });

  test("opens with any of several recipients, post-quantum ones too", async () => {
    const hybrid = await generateHybridIdentity();
    const both = `${recipient},${await identityToRecipient(hybrid)}`;
    const text = await program("sops", "encrypt", "--age", both, "values.yaml");
    for (const one of [hybrid, secret]) expect((await open(text, [one])).sealed).toBe(0);
  });

  test("is refused when anything in it was changed, moved, added or taken away", async () => {
    const text = await encrypt("    encrypted_regex: (?i)password|list\n");
    const sealed = /ENC\[AES256_GCM[^\]]*\]/.exec(text)?.[0] ?? "";
    const lines = text.split("\n");
    const line = lines.find((one) => one.includes("replicaCount")) ?? "";
    const tampered: [string, string][] = [
      ["a plain value changed", text.replace("replicaCount: 2", "replicaCount: 1")],
      ["a plain value taken away", text.replace(`${line}\n`, "")],
      ["a plain value added", text.replace(line, `${line}\n    more: 1`)],
      ["an encrypted value moved", text.replace("srCheckPassword: ", "srCheckPassword2: ")],
      ["an encrypted value copied", text.replace(line, `${line}\n    otherPassword: ${sealed}`)],
      ["an encrypted value in the clear", text.replace(sealed, "hunter3")],
      [
        "a bit of it flipped",
        text.replace(/data:(.)/, (_all, one: string) => `data:${one === "A" ? "B" : "A"}`),
      ],
      ["its type changed", text.replace(/(data:[^\]]*type:)str/, "$1int")],
      [
        "the time of its last change",
        text.replace(/lastmodified: "[^"]*"/, 'lastmodified: "2020-01-01T00:00:00Z"'),
      ],
      [
        "a shorter tag",
        text.replace(/tag:[A-Za-z0-9+/=]+/, `tag:${Buffer.alloc(4).toString("base64")}`),
      ],
    ];
    for (const [what, changed] of tampered) {
      expect([what, changed === text]).toEqual([what, false]);
      // A type that changes to another reading of the same bytes is the one thing sops does not notice either.
      if (what === "its type changed") continue;
      const failure = await failureOf(() => open(changed));
      expect([what, failure.exit]).toEqual([what, "verifyFailed"]);
      expect(["SOPS_MAC_MISMATCH", "SOPS_DAMAGED"]).toContain(failure.code);
      expect(`${failure.message}${failure.hint}`).not.toMatch(/hunter|AGE-SECRET/);
      await writeFile(join(box, "tampered.yaml"), changed);
      const theirs = await program("sops", "decrypt", "tampered.yaml").catch(() => "refused");
      expect([what, theirs]).toEqual([what, "refused"]);
    }
  });

  test("that needs several key groups is refused with a sentence", async () => {
    const other = await identityToRecipient(await generateIdentity());
    await writeFile(
      join(box, "groups.yaml"),
      `creation_rules:\n  - key_groups:\n      - age: [${recipient}]\n      - age: [${other}]\n`,
    );
    const text = await program("sops", "--config", "groups.yaml", "encrypt", "values.yaml");
    const failure = await failureOf(() => open(text));
    expect([failure.code, failure.exit]).toEqual(["SOPS_UNSUPPORTED", "usage"]);
  });
});

describe("a values file encrypted whole by age", () => {
  for (const flags of [[], ["--armor"]]) {
    test(`${flags.join(" ")} is opened in memory, and everything in it is secret`, async () => {
      await program("age", ...flags, "-r", recipient, "-o", "values.age", "values.yaml");
      const bytes = await readFile(join(box, "values.age"));
      const file = await open(bytes);
      expect(nodeAt(file.root, ["pgpool", "replicaCount"])).toMatchObject({
        secret: true,
        value: 2,
      });
      expect(nodeAt(file.root, ["pgpool", "srCheckPassword"])?.at.line).toBe(3);
      const locked = await failureOf(() => open(bytes, []));
      expect([locked.exit, locked.code]).toEqual(["key", "VALUES_LOCKED"]);
      const other = await failureOf(async () => open(bytes, [await generateIdentity()]));
      expect(other.code).toBe("VALUES_LOCKED");
      const cut = await failureOf(() => open(bytes.subarray(0, bytes.length - 60)));
      expect([cut.exit, cut.code]).toEqual(["verifyFailed", "VALUES_DAMAGED"]);
      expect(cut).toBeInstanceOf(OperatorError);
    });
  }
});
