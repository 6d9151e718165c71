import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { symlink, truncate } from "node:fs/promises";
import { join } from "node:path";
import { testHost } from "../../helpers/host.ts";
import { keyPair, refusal, sandbox } from "./fixtures.ts";
import type { KeyPair, Sandbox } from "./fixtures.ts";

let box: Sandbox;
let a: KeyPair;
let b: KeyPair;

beforeEach(async () => {
  box = await sandbox();
  a = await keyPair();
  b = await keyPair();
});
afterEach(() => box[Symbol.asyncDispose]());

describe("discoverIdentities() sources", () => {
  const KEYS_TXT = "home/.config/sops/age/keys.txt";

  test("finds nothing, complains about nothing and names every place on an empty host", async () => {
    const { identities, problems, places } = await box.discover();
    expect(identities).toEqual([]);
    expect(problems).toEqual([]);
    expect(places).toEqual([
      "SOPS_AGE_KEY (not set)",
      "SOPS_AGE_KEY_FILE (not set)",
      "SOPS_AGE_KEY_CMD (not set)",
      join(box.path, KEYS_TXT),
    ]);
  });

  test("derives the recipient and never trusts the public key comment", async () => {
    const path = await box.write(KEYS_TXT, `# public key: ${b.recipient}\n${a.secret}\n`);
    const { identities, problems } = await box.discover();
    expect(problems).toEqual([]);
    expect(identities).toEqual([
      { secret: a.secret, recipient: a.recipient, kind: "x25519", source: `${path} line 2` },
    ]);
  });

  test("takes a post-quantum key for what it is", async () => {
    const hybrid = await keyPair("post-quantum");
    const { identities } = await box.discover({ SOPS_AGE_KEY: hybrid.secret });
    expect(identities.map(({ kind, recipient }) => [kind, recipient])).toEqual([
      ["post-quantum", hybrid.recipient],
    ]);
  });

  test("unites all sources in order and keeps each key once", async () => {
    const pairs = await Promise.all(Array.from({ length: 5 }, () => keyPair()));
    const [flag, variable, file, command, config] = pairs.map(({ secret }) => secret);
    const flagPath = await box.write("flag.txt", `${flag}\n`);
    const filePath = await box.write("file.txt", `${file}\n${variable}\n`);
    const commandPath = await box.write("command.txt", `${command}\n`);
    await box.write(KEYS_TXT, `${config}\n${flag}\n`);
    const { identities, problems } = await box.discover(
      {
        SOPS_AGE_KEY: variable,
        SOPS_AGE_KEY_FILE: filePath,
        SOPS_AGE_KEY_CMD: `cat '${commandPath}'`,
      },
      { files: [flagPath] },
    );
    expect(problems).toEqual([]);
    expect(identities.map(({ recipient }) => recipient)).toEqual(
      pairs.map((pair) => pair.recipient),
    );
    expect(identities.map(({ source }) => source)).toEqual([
      `-i ${flagPath} line 1`,
      "SOPS_AGE_KEY line 1",
      `SOPS_AGE_KEY_FILE (${filePath}) line 1`,
      "SOPS_AGE_KEY_CMD line 1",
      `${join(box.path, KEYS_TXT)} line 1`,
    ]);
  });

  test("splits SOPS_AGE_KEY at newlines and spaces, but a file only at newlines", async () => {
    const both = `${a.secret} ${b.secret}`;
    const fromVariable = await box.discover({ SOPS_AGE_KEY: `# old\n${both}\n\n` });
    expect(fromVariable.identities.map(({ source }) => source)).toEqual([
      "SOPS_AGE_KEY line 2, key 1",
      "SOPS_AGE_KEY line 2, key 2",
    ]);
    const path = await box.write("both.txt", both);
    const fromFile = await box.discover({ SOPS_AGE_KEY_FILE: path });
    expect(fromFile.identities).toEqual([]);
    expect(fromFile.problems.map(({ code }) => code)).toEqual(["KEY_FILE_INVALID"]);
  });

  for (const [name, around] of [
    ["CRLF line ends", (key: string) => `# created\r\n${key}\r\n`],
    ["spaces and tabs around a key", (key: string) => `  ${key}\t \n`],
    ["a byte order mark", (key: string) => `\uFEFF${key}\n`],
    ["no newline at the end", (key: string) => `\n\n#\n  # x\n${key}`],
  ] as const) {
    test(`reads a file with ${name}`, async () => {
      const path = await box.write("key.txt", around(a.secret));
      const { identities, problems } = await box.discover({ SOPS_AGE_KEY_FILE: path });
      expect(problems).toEqual([]);
      expect(identities.map(({ recipient }) => recipient)).toEqual([a.recipient]);
    });
  }

  test("treats empty variables as unset", async () => {
    const { identities, problems } = await box.discover({
      SOPS_AGE_KEY: "",
      SOPS_AGE_KEY_FILE: "",
      SOPS_AGE_KEY_CMD: "",
      SOPS_AGE_SSH_PRIVATE_KEY_FILE: "",
      XDG_CONFIG_HOME: "",
    });
    expect([identities, problems]).toEqual([[], []]);
  });

  test("prefers an absolute XDG_CONFIG_HOME to HOME and ignores a relative one aloud", async () => {
    await box.write(KEYS_TXT, a.secret);
    const xdg = await box.write("xdg/sops/age/keys.txt", b.secret);
    const absolute = await box.discover({ XDG_CONFIG_HOME: join(box.path, "xdg") });
    expect(absolute.identities.map(({ source }) => source)).toEqual([`${xdg} line 1`]);
    const relative = await box.discover({ XDG_CONFIG_HOME: "xdg" });
    expect(relative.identities.map(({ recipient }) => recipient)).toEqual([a.recipient]);
    expect(relative.places.at(-1)).toContain("XDG_CONFIG_HOME is ignored");
  });

  test("uses the home of the user database when HOME is not set, and says so", async () => {
    await box.write(KEYS_TXT, a.secret);
    const found = await box.discover(
      { HOME: undefined },
      { homeWithoutEnvironment: () => box.home },
    );
    expect(found.identities.map(({ source }) => source)).toEqual([
      `${join(box.path, KEYS_TXT)} (HOME is not set, so the user database was asked) line 1`,
    ]);
    const homeless = await box.discover({ HOME: undefined });
    expect(homeless.places.at(-1)).toContain("this user has no home folder");
  });

  test("resolves relative paths from the working directory", async () => {
    await box.write("here/key.txt", a.secret);
    const found = await box.discover({ SOPS_AGE_KEY_FILE: "here/key.txt" });
    expect(found.identities.map(({ recipient }) => recipient)).toEqual([a.recipient]);
  });

  test("warns about a key file that others can read, and still uses it", async () => {
    const path = await box.write("key.txt", a.secret, 0o644);
    const { identities, problems } = await box.discover({ SOPS_AGE_KEY_FILE: path });
    expect(identities).toHaveLength(1);
    expect(problems).toEqual([
      {
        level: "warning",
        code: "KEY_FILE_EXPOSED",
        source: `SOPS_AGE_KEY_FILE (${path})`,
        message: `SOPS_AGE_KEY_FILE (${path}) is open to other users (mode 0644)`,
        hint: `chmod 600 ${path}`,
      },
    ]);
  });
});

describe("discoverIdentities() broken sources", () => {
  test("lets one bad line spoil its source, but no other", async () => {
    const path = await box.write("bad.txt", `${a.secret}\n${a.secret.slice(0, -1)}1\n`);
    const { identities, problems } = await box.discover({
      SOPS_AGE_KEY: b.secret,
      SOPS_AGE_KEY_FILE: path,
    });
    expect(identities.map(({ recipient }) => recipient)).toEqual([b.recipient]);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.source).toBe(`SOPS_AGE_KEY_FILE (${path})`);
    expect(problems[0]?.message).toContain("line 2 is not a valid age secret key");
  });

  for (const [what, line, says] of [
    ["a public key", "age1xxxx", "line 1 is a public key"],
    ["an SSH key", "-----BEGIN OPENSSH PRIVATE KEY-----", "line 1 begins an SSH private key"],
    ["anything else", "hello", "line 1 is not an age secret key"],
  ] as const) {
    test(`says what a line is: ${what}`, async () => {
      const { problems } = await box.discover({ SOPS_AGE_KEY_FILE: await box.write("x", line) });
      expect(problems.map(({ message }) => message).join()).toContain(says);
    });
  }

  test("names a plugin key and still uses the native ones beside it", async () => {
    const path = await box.write("key.txt", `AGE-PLUGIN-YUBIKEY-1QQPSJYQ\n${a.secret}\n`);
    const { identities, problems } = await box.discover({ SOPS_AGE_KEY_FILE: path });
    expect(identities.map(({ recipient }) => recipient)).toEqual([a.recipient]);
    expect(problems.map(({ code }) => code)).toEqual(["KEY_UNSUPPORTED"]);
    expect(problems[0]?.message).toContain('line 1 is a key of the plugin "yubikey"');
  });

  test("turns a missing, a looping, a too large file and a folder into problems", async () => {
    await symlink(join(box.path, "loop"), join(box.path, "loop"));
    await truncate(await box.write("large", ""), 16 * 1024 * 1024 + 1);
    const says = async (path: string): Promise<string> => {
      const { problems } = await box.discover({ SOPS_AGE_KEY_FILE: join(box.path, path) });
      return problems.map(({ code, message }) => `${code} ${message}`).join();
    };
    expect(await says("gone")).toMatch(
      /^KEY_FILE_MISSING SOPS_AGE_KEY_FILE \(.*gone\) does not exist$/,
    );
    expect(await says("loop")).toMatch(/^KEY_FILE_UNREADABLE .* points to itself$/);
    expect(await says("large")).toMatch(/^KEY_FILE_UNREADABLE .* larger than 16 MiB/);
    expect(await says("home")).toMatch(/^KEY_FILE_UNREADABLE .* is a folder$/);
  });

  test("names SSH keys that SOPS would use: a warning for variables, a note for ~/.ssh", async () => {
    await box.write("home/.ssh/id_ed25519", "secret");
    await box.write("home/.ssh/id_rsa", "secret");
    const { identities, problems } = await box.discover({
      SOPS_AGE_SSH_PRIVATE_KEY_FILE: "/root/ssh",
      SOPS_AGE_SSH_PRIVATE_KEY_CMD: "touch must-not-run",
    });
    expect(identities).toEqual([]);
    expect(problems.map(({ level, source }) => [level, source])).toEqual([
      ["warning", "SOPS_AGE_SSH_PRIVATE_KEY_FILE (/root/ssh)"],
      ["warning", "SOPS_AGE_SSH_PRIVATE_KEY_CMD"],
      ["note", join(box.home, ".ssh/id_ed25519")],
      ["note", join(box.home, ".ssh/id_rsa")],
    ]);
  });
});

describe("discoverIdentities() -i", () => {
  const refused = async (file: string): Promise<readonly [string, string, string]> => {
    const error = await refusal(() => box.discover({ SOPS_AGE_KEY: b.secret }, { files: [file] }));
    return [error.exit, error.code, error.message];
  };

  test("refuses a file that is missing, a folder, empty, malformed or without a usable key", async () => {
    expect(await refused("gone")).toEqual(["key", "KEY_FILE_MISSING", "-i gone does not exist"]);
    expect(await refused("home")).toEqual(["key", "KEY_FILE_UNREADABLE", "-i home is a folder"]);
    await box.write("empty", "# nothing\n");
    expect(await refused("empty")).toEqual([
      "key",
      "KEY_FILE_INVALID",
      "-i empty holds no age secret key",
    ]);
    await box.write("bad", `${a.secret}\noops\n`);
    expect(await refused("bad")).toEqual([
      "key",
      "KEY_FILE_INVALID",
      "-i bad line 2 is not an age secret key",
    ]);
    await box.write("plugin", "AGE-PLUGIN-TPM-1QQ\n");
    expect((await refused("plugin")).slice(0, 2)).toEqual(["key", "KEY_UNSUPPORTED"]);
  });

  test("refuses standard input", async () => {
    expect((await refused("-")).slice(0, 2)).toEqual(["usage", "STDIN_UNSUPPORTED"]);
  });

  test("reads a named pipe, as a shell's <(…) gives one", async () => {
    const pipe = join(box.path, "pipe");
    await testHost().run(["mkfifo", "-m", "600", pipe]);
    const [{ identities, problems }] = await Promise.all([
      box.discover({}, { files: [pipe] }),
      testHost().run(["sh", "-c", `cat > '${pipe}'`], { input: a.secret }),
    ]);
    expect(problems).toEqual([]);
    expect(identities.map(({ recipient }) => recipient)).toEqual([a.recipient]);
  });
});
