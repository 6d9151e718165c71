import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { resolveRecipients } from "../../../src/keys/recipients.ts";
import { testHost } from "../../helpers/host.ts";
import { foundHere, keyPair, refusal, sandbox } from "./fixtures.ts";
import type { KeyPair, Sandbox } from "./fixtures.ts";
import type { RecipientOptions, ResolvedRecipients } from "../../../src/keys/recipients.ts";

let box: Sandbox;
let a: KeyPair;
let b: KeyPair;
let hybrid: KeyPair;
beforeAll(async () => {
  [a, b, hybrid] = await Promise.all([keyPair(), keyPair(), keyPair("post-quantum")]);
});
beforeEach(async () => {
  box = await sandbox();
});
afterEach(() => box[Symbol.asyncDispose]());

function resolve(
  options: Partial<RecipientOptions> = {},
  env: Record<string, string> = {},
): Promise<ResolvedRecipients> {
  return resolveRecipients(
    testHost({ env: { HOME: box.home, ...env }, uid: process.getuid?.() ?? 0 }),
    {
      recipients: [],
      recipientFiles: [],
      workingDirectory: box.path,
      target: `${box.path}/x.tar.zst.age`,
      identities: foundHere(),
      ...options,
    },
  );
}

async function refused(
  options: Partial<RecipientOptions>,
  env: Record<string, string> = {},
): Promise<string> {
  const { exit, code, message } = await refusal(() => resolve(options, env));
  return `${exit} ${code} ${message}`;
}

describe("resolveRecipients() sources", () => {
  test("takes the first that has recipients: flags, SOPS_AGE_RECIPIENTS, .sops.yaml, local keys", async () => {
    const [c, d] = await Promise.all([keyPair(), keyPair()]);
    const config = await box.write(
      ".sops.yaml",
      `creation_rules:\n  - path_regex: nope\n  - age: ${c.recipient}\n`,
    );
    const file = await box.write("recipients.txt", `# ops\r\n\r\n${b.recipient}\r\n`);
    const env = { SOPS_AGE_RECIPIENTS: ` ${b.recipient} , ${c.recipient}` };
    const identities = foundHere(d);
    const flags = await resolve(
      { recipients: [a.recipient], recipientFiles: [file], identities },
      env,
    );
    expect([flags.source, flags.recipients]).toEqual(["flags", [a.recipient, b.recipient]]);
    const variable = await resolve({ identities }, env);
    expect([variable.source, variable.recipients]).toEqual([
      "SOPS_AGE_RECIPIENTS",
      [b.recipient, c.recipient],
    ]);
    const rule = await resolve({ identities }, { SOPS_AGE_RECIPIENTS: "" });
    expect([rule.source, rule.recipients]).toEqual([
      `.sops.yaml (${config}, rule 2)`,
      [c.recipient],
    ]);
    await box.write(".sops.yaml", "creation_rules:\n");
    const derived = await resolve({ identities });
    expect([derived.source, derived.recipients]).toEqual([
      "derived from local identities",
      [d.recipient],
    ]);
  });

  test("lets flags and SOPS_AGE_RECIPIENTS win over a broken .sops.yaml", async () => {
    await box.write(".sops.yaml", "creation_rules: [\n");
    expect((await resolve({ recipients: [a.recipient] })).source).toBe("flags");
    expect((await resolve({}, { SOPS_AGE_RECIPIENTS: a.recipient })).source).toBe(
      "SOPS_AGE_RECIPIENTS",
    );
    expect(await refused({})).toContain("usage SOPS_CONFIG_INVALID");
  });

  test("takes post-quantum recipients", async () => {
    const found = await resolve({ recipients: [hybrid.recipient] });
    expect([found.kind, found.recipients]).toEqual(["post-quantum", [hybrid.recipient]]);
  });

  test("falls back to local keys when the matching rule has only pgp, and says so", async () => {
    await box.write(".sops.yaml", "creation_rules:\n  - pgp: FP\n");
    const found = await resolve({ identities: foundHere(a) });
    expect(found.source).toBe("derived from local identities");
    expect(found.warnings.map(({ code }) => code)).toEqual([
      "SOPS_OTHER_KEYS",
      "SOPS_RULE_WITHOUT_AGE",
      "KEY_ONLY_HERE",
    ]);
  });
});

describe("resolveRecipients() warnings", () => {
  test("warns when every key that opens the backup is on this host, and only then", async () => {
    const codes = async (recipients: string[]): Promise<string[]> =>
      (await resolve({ recipients, identities: foundHere(a) })).warnings.map(({ code }) => code);
    expect(await codes([a.recipient])).toEqual(["KEY_ONLY_HERE"]);
    expect(await codes([a.recipient, b.recipient])).toEqual([]);
    expect(await codes([b.recipient])).toEqual([]);
  });

  test("warns of a duplicate and encrypts to it once", async () => {
    const found = await resolve({ recipients: [`${a.recipient},${b.recipient}`, a.recipient] });
    expect(found.recipients).toEqual([a.recipient, b.recipient]);
    expect(found.warnings.map(({ code, message }) => [code, message])).toEqual([
      ["RECIPIENT_DUPLICATE", "-r number 2 is the same recipient as -r number 1 item 1"],
    ]);
  });
});

describe("resolveRecipients() refusals", () => {
  test("refuses no recipients, naming every place and how to make a key", async () => {
    const error = await refusal(() => resolve());
    expect([error.exit, error.code]).toEqual(["key", "NO_RECIPIENTS"]);
    for (const part of [
      "-r and -R",
      "SOPS_AGE_RECIPIENTS",
      ".sops.yaml",
      "SOPS_AGE_KEY (not set)",
      "/home/.config/sops/age/keys.txt",
      "age-keygen -o",
    ]) {
      expect(error.hint).toContain(part);
    }
  });

  test("tells with it which source was broken", async () => {
    const identities = await box.discover({ SOPS_AGE_KEY: "oops" });
    const error = await refusal(() => resolve({ identities }));
    expect(error.hint).toContain("SOPS_AGE_KEY line 1 is not an age secret key");
  });

  test("refuses a mix of post-quantum and classic, also among local keys", async () => {
    const says = "key RECIPIENTS_MIXED";
    expect(await refused({ recipients: [a.recipient, hybrid.recipient] })).toContain(says);
    expect(await refused({ identities: foundHere(hybrid, a) })).toContain(says);
  });

  test("refuses a trailing comma in -r and SOPS_AGE_RECIPIENTS", async () => {
    expect(await refused({ recipients: [`${a.recipient},`] })).toBe(
      "key RECIPIENT_INVALID -r item 2 is empty",
    );
    const env = { SOPS_AGE_RECIPIENTS: `${a.recipient},${b.recipient},` };
    expect(await refused({}, env)).toBe(
      "key RECIPIENT_INVALID SOPS_AGE_RECIPIENTS item 3 is empty",
    );
    expect(await refused({ recipients: [""] })).toBe("key RECIPIENT_INVALID -r is empty");
  });

  test("names the kinds it cannot encrypt to", async () => {
    const table: readonly [string, string][] = [
      ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA op@host", "an SSH key (ssh-ed25519)"],
      ["ssh-rsa AAAA", "an SSH key (ssh-rsa)"],
      ["age1yubikey1qw508d6qejxtdg4y5r3zarvary0c5xw7k", 'a recipient of the plugin "yubikey"'],
      ["age1tag1qw508d6qejxtdg4y5r3zarvary0c5xw7k", "a tagged recipient (age1tag)"],
      ["age1tagpq1qw508d6qejxtdg4y5r3zarvary0c5xw7k", "a tagged recipient (age1tagpq)"],
    ];
    for (const [text, name] of table) {
      expect(await refused({ recipients: [text] })).toBe(
        `key RECIPIENT_UNSUPPORTED -r is ${name}, which is not supported`,
      );
    }
  });

  test("shows a malformed recipient and where it is", async () => {
    const bad = `${a.recipient.slice(0, -1)}b`;
    expect(await refused({ recipients: [a.recipient, bad] })).toContain(
      "-r number 2 is not a valid age recipient",
    );
    const upper = a.recipient.toUpperCase();
    expect(await refused({ recipients: [upper] })).toContain(
      "RECIPIENT_INVALID -r is not a valid age recipient",
    );
    await box.write("r.txt", `# x\n${a.recipient}\n\n${bad}\n`);
    expect(await refused({ recipientFiles: ["r.txt"] })).toContain(
      "-R r.txt:4 is not a valid age recipient",
    );
    await box.write(".sops.yaml", `creation_rules:\n  - age: ${a.recipient},${bad}\n`);
    expect(await refused({})).toContain(
      `.sops.yaml:2 (rule 1) is not a valid age recipient "${bad}"`,
    );
  });

  test("never shows a secret key given as a recipient", async () => {
    await box.write("key.txt", a.secret);
    for (const message of [
      await refused({ recipients: [a.secret] }),
      await refused({ recipientFiles: ["key.txt"] }),
    ]) {
      expect(message).toContain("is a secret key where a public one");
      expect(message).not.toContain(a.secret.slice(20, 28));
    }
  });

  test("refuses a -R file that is missing, a folder, without recipients, or standard input", async () => {
    await box.write("empty.txt", "# nothing\n");
    expect(await refused({ recipientFiles: ["gone"] })).toBe(
      "key RECIPIENTS_FILE_UNREADABLE -R gone does not exist",
    );
    expect(await refused({ recipientFiles: ["home"] })).toContain("-R home is a folder");
    expect(await refused({ recipientFiles: ["empty.txt"] })).toContain("RECIPIENTS_FILE_EMPTY");
    expect(await refused({ recipientFiles: ["-"] })).toContain("usage STDIN_UNSUPPORTED");
  });
});
