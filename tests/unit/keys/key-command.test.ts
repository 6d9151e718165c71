import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { splitWords } from "../../../src/keys/shell-words.ts";
import { keyPair, sandbox } from "./fixtures.ts";
import type { KeyPair, Sandbox } from "./fixtures.ts";

describe("splitWords()", () => {
  // What google/shlex answers, from its tests and its state machine.
  for (const [text, words] of [
    ["", []],
    ["   \n\t", []],
    ["one two", ["one", "two"]],
    [`one "two three" 'four "five'`, ["one", "two three", 'four "five']],
    [`a"b c"d`, ["ab cd"]],
    [`\\"a \\  b`, ['"a', " ", "b"]],
    [`"a\\"b\\n"`, ['a"bn']],
    [`'a\\b'`, ["a\\b"]],
    [`'' ""`, ["", ""]],
    ["a # all gone", ["a"]],
    ["a # gone\nb a#b", ["a", "b", "a#b"]],
    ["a $HOME `id` | b > c", ["a", "$HOME", "`id`", "|", "b", ">", "c"]],
    [`"open`, undefined],
    [`'open`, undefined],
    ["a\\", undefined],
  ] as const) {
    test(`splits ${JSON.stringify(text)} as SOPS does`, () => {
      expect(splitWords(text)).toEqual(words === undefined ? undefined : [...words]);
    });
  }
});

describe("SOPS_AGE_KEY_CMD", () => {
  let box: Sandbox;
  let a: KeyPair;
  beforeEach(async () => {
    box = await sandbox();
    a = await keyPair();
  });
  afterEach(() => box[Symbol.asyncDispose]());

  test("runs without a shell, with words that hold spaces", async () => {
    const path = await box.write("my keys/$HOME;key.txt", a.secret);
    const { identities, problems } = await box.discover({ SOPS_AGE_KEY_CMD: `cat "${path}"` });
    expect(problems).toEqual([]);
    expect(identities.map(({ recipient }) => recipient)).toEqual([a.recipient]);
  });

  test("sees the operator's environment, and SOPS_AGE_RECIPIENT only if asked, but no other key", async () => {
    const key = await box.write("key.txt", a.secret);
    const seen = `${box.path}/seen`;
    const script = `env > '${seen}'; cat '${key}'`;
    const env = {
      VAULT_ADDR: "https://vault",
      SOPS_AGE_KEY: a.secret,
      SOPS_AGE_KEY_CMD: `sh -c "${script}"`,
    };
    const { readFile } = await import("node:fs/promises");
    await box.discover(env);
    const without = await readFile(seen, "utf8");
    expect(without).toContain("VAULT_ADDR=https://vault\n");
    expect(without).not.toContain("SOPS_AGE_RECIPIENT=");
    expect(without).not.toContain("SOPS_AGE_KEY=");
    await box.discover(env, { commandRecipient: a.recipient });
    expect(await readFile(seen, "utf8")).toContain(`SOPS_AGE_RECIPIENT=${a.recipient}\n`);
  });

  test("runs in the working directory", async () => {
    await box.write("key.txt", a.secret);
    const { identities } = await box.discover({ SOPS_AGE_KEY_CMD: "cat ./key.txt" });
    expect(identities).toHaveLength(1);
  });

  for (const [what, command, says] of [
    ["fails", "sh -c 'echo AGE-SECRET-KEY-1LEAK; exit 3'", "SOPS_AGE_KEY_CMD failed (exit code 3)"],
    ["is killed", "sh -c 'kill -9 $$'", "SOPS_AGE_KEY_CMD failed (signal SIGKILL)"],
    [
      "is not there",
      "/nonexistent/key-tool",
      "SOPS_AGE_KEY_CMD names a program that is not there or cannot be run",
    ],
    ["has an open quote", "cat 'x", "SOPS_AGE_KEY_CMD has an open quote or a backslash at its end"],
    ["is only a comment", "# cat", "SOPS_AGE_KEY_CMD names no program"],
    ["is an empty word", "''", "SOPS_AGE_KEY_CMD names no program"],
    ["prints no key", "echo hello", "SOPS_AGE_KEY_CMD line 1 is not an age secret key"],
  ] as const) {
    test(`is a problem when it ${what}`, async () => {
      const { identities, problems } = await box.discover({ SOPS_AGE_KEY_CMD: command });
      expect(identities).toEqual([]);
      expect(problems.map(({ message }) => message)).toEqual([says]);
    });
  }
});
