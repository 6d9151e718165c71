import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Encrypter, armor } from "age-encryption";
import { keyPair, refusal, sandbox } from "./fixtures.ts";
import type { KeyPair, Sandbox } from "./fixtures.ts";

const PASSPHRASE = "correct horse";

async function lock(text: string): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setPassphrase(PASSPHRASE);
  encrypter.setScryptWorkFactor(4);
  return encrypter.encrypt(text);
}

describe("discoverIdentities() with a passphrase-protected key file", () => {
  let box: Sandbox;
  let a: KeyPair;
  beforeEach(async () => {
    box = await sandbox();
    a = await keyPair();
  });
  afterEach(() => box[Symbol.asyncDispose]());

  const codeAndText = async (
    content: string | Uint8Array,
    answer?: string,
  ): Promise<string | undefined> => {
    const path = await box.write("locked", content);
    const ask = answer === undefined ? undefined : () => Promise.resolve(answer);
    const { identities, problems } = await box.discover({ SOPS_AGE_KEY_FILE: path }, { ask });
    expect(identities).toEqual([]);
    return problems.map(({ code, message }) => `${code} ${message.replace(path, "F")}`).join();
  };

  for (const form of ["binary", "armored"] as const) {
    test(`opens a ${form} one with the passphrase it asks for`, async () => {
      const locked = await lock(`# mine\n${a.secret}\n`);
      const path = await box.write("locked", form === "binary" ? locked : armor.encode(locked));
      const questions: string[] = [];
      const { identities, problems } = await box.discover(
        { SOPS_AGE_KEY_FILE: path },
        {
          ask: (question) => {
            questions.push(question);
            return Promise.resolve(PASSPHRASE);
          },
        },
      );
      expect(problems).toEqual([]);
      expect(questions).toEqual([`Passphrase for SOPS_AGE_KEY_FILE (${path}): `]);
      expect(identities.map(({ recipient, source }) => [recipient, source])).toEqual([
        [a.recipient, `SOPS_AGE_KEY_FILE (${path}) line 2`],
      ]);
    });
  }

  test("opens an armored one in SOPS_AGE_KEY", async () => {
    const { identities } = await box.discover(
      { SOPS_AGE_KEY: armor.encode(await lock(a.secret)) },
      { ask: () => Promise.resolve(PASSPHRASE) },
    );
    expect(identities.map(({ recipient }) => recipient)).toEqual([a.recipient]);
  });

  test("says so when nobody can be asked, and refuses such a file after -i", async () => {
    const locked = await lock(a.secret);
    const says = "is protected by a passphrase, and there is no terminal to ask for it";
    expect(await codeAndText(locked)).toBe(`KEY_FILE_LOCKED SOPS_AGE_KEY_FILE (F) ${says}`);
    const error = await refusal(() => box.discover({}, { files: ["locked"] }));
    expect([error.exit, error.code, error.message]).toEqual([
      "key",
      "KEY_FILE_LOCKED",
      `-i locked ${says}`,
    ]);
  });

  test("tells a wrong passphrase, none, a damaged file and a foreign age file apart", async () => {
    const locked = await lock(a.secret);
    expect(await codeAndText(locked, "wrong")).toContain(
      "KEY_FILE_LOCKED SOPS_AGE_KEY_FILE (F) did not open",
    );
    expect(await codeAndText(locked, "")).toContain("no passphrase was given");
    expect(await codeAndText(locked.subarray(0, -3), PASSPHRASE)).toContain(
      "KEY_FILE_INVALID SOPS_AGE_KEY_FILE (F) is damaged",
    );
    expect(await codeAndText("-----BEGIN AGE ENCRYPTED FILE-----\n!!\n", PASSPHRASE)).toContain(
      "damaged armored",
    );
    const foreign = new Encrypter();
    foreign.addRecipient(a.recipient);
    expect(await codeAndText(await foreign.encrypt("x"), PASSPHRASE)).toContain(
      "age file without a passphrase",
    );
  });

  test("refuses a work factor that would take minutes, before asking", async () => {
    const header = `age-encryption.org/v1\n-> scrypt ${"A".repeat(22)} 21\n${"A".repeat(43)}\n--- ${"A".repeat(43)}\n`;
    expect(await codeAndText(header, PASSPHRASE)).toContain("work factor of 21; at most 20");
  });

  test("never shows a key inside that is mistyped", async () => {
    const mistyped = `${a.secret.slice(0, 30)}B${a.secret.slice(31)}`.replace(/.$/, "Q");
    const says = await codeAndText(await lock(mistyped), PASSPHRASE);
    expect(says).toContain("line 1 is not a valid age secret key");
    expect(says).not.toContain(mistyped.slice(20, 28));
  });
});
