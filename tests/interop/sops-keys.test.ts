/** Against the real sops: what it reads as a key we find too. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import * as v from "valibot";
import { Decrypter, armor } from "age-encryption";
import { discoverIdentities } from "../../src/keys/identities.ts";
import { proveOpens } from "../../src/keys/prove.ts";
import { testHost } from "../helpers/host.ts";
import { Encrypted, boxForEachTest, pair } from "./sops-box.ts";
import type { Env } from "./sops-box.ts";

const box = boxForEachTest();

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
      async (secret) => ({ SOPS_AGE_KEY_FILE: await box.write("key.txt", `${secret}\n`) }),
    ],
    [
      "in a SOPS_AGE_KEY_FILE with CRLF and comments",
      async (secret) => ({
        SOPS_AGE_KEY_FILE: await box.write("key.txt", `# a\r\n\r\n${secret}\r\n`),
      }),
    ],
    [
      "in a relative SOPS_AGE_KEY_FILE",
      async (secret) => {
        await box.write("sub/key.txt", secret);
        return { SOPS_AGE_KEY_FILE: "sub/key.txt" };
      },
    ],
    [
      "printed by SOPS_AGE_KEY_CMD",
      async (secret) => ({
        SOPS_AGE_KEY_CMD: `cat "${await box.write("my key.txt", secret)}" # comment`,
      }),
    ],
    [
      "printed by a script of SOPS_AGE_KEY_CMD that sees the environment",
      async (secret) => ({
        WHERE: await box.write("k", secret),
        SOPS_AGE_KEY_CMD: "sh -c 'cat \"$WHERE\"'",
      }),
    ],
    [
      "in keys.txt below HOME",
      async (secret) => {
        await box.write(KEYS_TXT, secret);
        return {};
      },
    ],
    [
      "in keys.txt below XDG_CONFIG_HOME",
      async (secret) => {
        await box.write("xdg/sops/age/keys.txt", secret);
        return { XDG_CONFIG_HOME: join(box.path, "xdg") };
      },
    ],
    [
      "in keys.txt, although SOPS_AGE_KEY is set to another",
      async (secret, other) => {
        await box.write(KEYS_TXT, secret);
        return { SOPS_AGE_KEY: other };
      },
    ],
    [
      "in keys.txt, although SOPS_AGE_KEY_FILE is missing",
      async (secret) => {
        await box.write(KEYS_TXT, secret);
        return { SOPS_AGE_KEY_FILE: "/nonexistent/key" };
      },
    ],
    [
      "in keys.txt, although SOPS_AGE_KEY is garbage",
      async (secret) => {
        await box.write(KEYS_TXT, secret);
        return { SOPS_AGE_KEY: "garbage" };
      },
    ],
  ];

  for (const kind of ["classic", "post-quantum"] as const) {
    for (const [name, place] of places) {
      test(`${name} is found here too and opens what is encrypted for it (${kind})`, async () => {
        const key = await pair(kind);
        const other = await pair();
        const secretFile = await box.write("secret.yaml", "password: hunter2\n");
        const encrypted = await box.sops([
          "encrypt",
          "--age",
          key.recipient,
          "--output-type",
          "json",
          secretFile,
        ]);
        expect(encrypted.stderr).toBe("");
        const file = await box.write("secret.enc.json", encrypted.stdout);
        const env = await place(key.secret, other.secret);

        const decrypted = await box.sops(["decrypt", file], env);
        expect([decrypted.ok, decrypted.stdout.includes("hunter2")]).toEqual([true, true]);

        const identities = await discoverIdentities(testHost({ env: { HOME: box.home, ...env } }), {
          files: [],
          workingDirectory: box.path,
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
    const file = await box.write(
      "s.json",
      (
        await box.sops([
          "encrypt",
          "--age",
          key.recipient,
          "--output-type",
          "json",
          await box.write("s.yaml", "a: b\n"),
        ])
      ).stdout,
    );
    const env = { SOPS_AGE_KEY_FILE: await box.write("key.txt", `${key.secret}\nwrong\n`) };
    expect((await box.sops(["decrypt", file], env)).ok).toBe(false);
    const found = await discoverIdentities(testHost({ env: { HOME: box.home, ...env } }), {
      files: [],
    });
    expect(found.identities).toEqual([]);
  });
});
