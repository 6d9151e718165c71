import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { OperatorError } from "../../../src/errors.ts";
import { resolveRecipients } from "../../../src/keys/recipients.ts";
import { testHost } from "../../helpers/host.ts";
import { foundHere, keyPair, sandbox } from "./fixtures.ts";
import type { Sandbox } from "./fixtures.ts";

const PREFIX = /^AGE-SECRET-KEY-(PQ-)?1/;

/** A change to one character, one lost, one too many, other case, the tail cut off, spaces inside. */
type Mutation = (key: string, at: number, character: string) => string;
const MUTATIONS: readonly Mutation[] = [
  (key, at, character) => key.slice(0, at) + character + key.slice(at + 1),
  (key, at) => key.slice(0, at) + key.slice(at + 1),
  (key, at, character) => key.slice(0, at) + character + key.slice(at),
  (key, at) => key.slice(0, at) + key.slice(at).toLowerCase(),
  (key, at) => key.slice(0, Math.max(at, 30)),
  (key, _at, character) => `${character}${key}${character}`,
  (key) => key.replace(PREFIX, ""),
  (key) => key.toLowerCase(),
];

describe("a mistyped key", () => {
  let box: Sandbox;
  beforeEach(async () => {
    box = await sandbox();
  });
  afterEach(() => box[Symbol.asyncDispose]());

  /** Everything a person could be shown when the text stands where a key, a path, a command or a recipient belongs. */
  async function everythingSaid(text: string): Promise<string> {
    const said: unknown[] = [];
    const listen = async (action: () => Promise<unknown>): Promise<void> => {
      try {
        said.push(await action());
      } catch (error) {
        if (!(error instanceof OperatorError)) throw error;
        said.push(error.message, error.hint, error.stack, String(error.cause));
      }
    };
    const file = await box.write("key.txt", `# key\n${text}\n`);
    const shown = async (
      env: Record<string, string>,
      files: readonly string[] = [],
    ): Promise<unknown> => {
      const { identities, problems, places } = await box.discover(env, { files });
      return [identities.map(({ source }) => source), problems, places];
    };
    await listen(() =>
      shown({ SOPS_AGE_KEY: text, SOPS_AGE_KEY_FILE: file, SOPS_AGE_KEY_CMD: `cat '${file}'` }),
    );
    await listen(() => shown({}, [file]));
    await listen(() => shown({}, [text]));
    await listen(() => shown({ SOPS_AGE_KEY_FILE: text, SOPS_AGE_SSH_PRIVATE_KEY_FILE: text }));
    await listen(() => shown({ SOPS_AGE_KEY_CMD: text.replace(/["'\\]/g, "") }));
    const resolve =
      (options: { recipients?: string[]; recipientFiles?: string[]; sopsConfig?: string }) => () =>
        resolveRecipients(testHost(), {
          recipients: [],
          recipientFiles: [],
          workingDirectory: box.path,
          target: `${box.path}/x`,
          identities: foundHere(),
          ...options,
        });
    await listen(resolve({ recipients: [text] }));
    await listen(resolve({ recipientFiles: [file] }));
    await listen(resolve({ recipientFiles: [text] }));
    await listen(resolve({ sopsConfig: text }));
    for (const yaml of [
      `creation_rules:\n  - age: ${JSON.stringify(text)}\n`,
      `creation_rules:\n  - key_groups: ${JSON.stringify(text)}\n`,
      `creation_rules:\n  - path_regex: ${JSON.stringify(`(?=${text}`)}\n`,
      `creation_rules:\n  - age: [*${text}\n`,
      `${text}\n`,
    ]) {
      await box.write(".sops.yaml", yaml);
      await listen(resolve({}));
    }
    return JSON.stringify(said);
  }

  test("is never shown, not even eight characters of it, whatever is wrong and wherever it stands", async () => {
    const keys = [await keyPair(), await keyPair("post-quantum")].map(({ secret }) => secret);
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...keys),
        fc.constantFrom(...MUTATIONS),
        fc.nat({ max: 70 }),
        fc.constantFrom("Q", "X", "0", "1", "8", "B", "-", "b", "i", " ", "\u00e9", "#", ","),
        async (key, mutate, at, character) => {
          const text = mutate(key, at, character);
          const said = (await everythingSaid(text)).toUpperCase();
          const secretPart = key.replace(PREFIX, "");
          for (let start = 0; start + 8 <= secretPart.length; start++) {
            expect(said.includes(secretPart.slice(start, start + 8))).toBe(false);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
