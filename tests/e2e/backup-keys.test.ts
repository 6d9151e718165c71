/** A backup and its keys: which recipients it takes, and what it refuses in one sentence. */
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { beforeEach, describe, expect, test } from "bun:test";
import { skipWithoutLab } from "../lab/server.ts";
import { backedUp, refused, serverForBackups } from "./bad-backup.ts";
import { KEY_FILE, giveKey } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";
import type { Key } from "./workload.ts";

const SECOND = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

describe.skipIf(skipWithoutLab())("a backup and its keys", () => {
  const host = serverForBackups();
  let server: BareServer;
  let key: Key;
  beforeEach(() => ({ server, key } = host()));

  test("none anywhere", async () => {
    server.remove(KEY_FILE);
    await refused(server, "", { exit: 8, says: /recipient/, hint: /SOPS_AGE_RECIPIENTS|-r / });
  });

  test("a recipient, but no key that opens for it", async () => {
    server.remove(KEY_FILE);
    await refused(server, `-r ${key.recipient}`, {
      exit: 8,
      says: "no secret key was found here that could open the backup",
      hint: "write-only",
    });
    await giveKey(server);
    await refused(server, `-r ${key.recipient}`, {
      exit: 8,
      says: "the secret key found here does not open what is encrypted for these recipients",
    });
  });

  test("a key file given with -i that is missing, malformed or unreadable; its text is never shown", async () => {
    await refused(server, "-i /root/none.txt", { exit: 8, says: "-i /root/none.txt" });
    const broken = `${key.secret.slice(0, -3)}AAA`;
    server.write("/root/broken.txt", `# my key\n${broken}\n`);
    const result = await refused(server, "-i /root/broken.txt", {
      exit: 8,
      says: /-i \/root\/broken\.txt.*line 2/,
    });
    for (const piece of [broken, broken.slice(16, 40), key.secret.slice(16, 40)]) {
      expect(result.stderr).not.toContain(piece);
    }
    await server.must("mkdir -p /root/folder.txt");
    await refused(server, "-i /root/folder.txt", { exit: 8, says: "-i /root/folder.txt" });
  });

  test("recipients that are broken, of mixed kinds, or in a file that is missing", async () => {
    const hybrid = await identityToRecipient(await generateHybridIdentity());
    await refused(server, `-r ${key.recipient} -r ${hybrid}`, { exit: 8, says: "post-quantum" });
    await refused(server, "-r 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA'", {
      exit: 8,
      says: "ssh",
    });
    await refused(server, `-r ${key.recipient.slice(0, -2)}qq`, { exit: 8, says: "-r" });
    await refused(server, "-R /root/none.txt", { exit: 8, says: "/root/none.txt" });
    server.write("/root/list.txt", `# ours\n${key.recipient}\nage1nonsense\n`);
    await refused(server, "-R /root/list.txt", { exit: 8, says: "-R /root/list.txt:3 " });
    server.write("/root/secret.txt", `${key.secret}\n`);
    const result = await refused(server, "-R /root/secret.txt", {
      exit: 8,
      says: "-R /root/secret.txt:1 ",
    });
    expect(result.stderr).not.toContain(key.secret.slice(16, 40));
  });

  test(".sops.yaml that is broken, with its line; or that asks for several key groups", async () => {
    const here = { cwd: "/srv/ops/repo" };
    server.write("/srv/ops/.sops.yaml", "creation_rules:\n  - age: [age1x\n    path_regex: 'x'\n");
    await server.must("mkdir -p /srv/ops/repo");
    await refused(server, "", {
      exit: 2,
      says: "/srv/ops/.sops.yaml:3 is not valid YAML",
      run: here,
    });
    server.write(
      "/srv/ops/.sops.yaml",
      `creation_rules:\n  - key_groups:\n      - age: [${key.recipient}]\n      - age: [${SECOND}]\n`,
    );
    await refused(server, "", { exit: 8, says: /key group/, run: here });
  });

  test("a matching rule of .sops.yaml names the recipients", async () => {
    await server.must("mkdir -p /srv/ops/repo");
    server.write(
      "/srv/ops/.sops.yaml",
      `creation_rules:\n  - path_regex: railiance.*\\.age$\n    age: ${key.recipient},${SECOND}\n`,
    );
    const { said } = await backedUp(server, "", { cwd: "/srv/ops/repo" });
    expect(said).toContain("for 2 recipients (.sops.yaml (/srv/ops/.sops.yaml, rule 1))");
  });

  test("--write-only works without a key, and the archive opens with the key that is elsewhere", async () => {
    server.remove(KEY_FILE);
    const { path, said } = await backedUp(server, `--write-only -r ${key.recipient}`);
    expect(said).toContain("this host has no key to open it");
    server.write("/root/rescue.txt", `${key.secret}\n`);
    const names = await server.must(`age -d -i /root/rescue.txt ${path} | zstd -d | tar t`);
    expect(names.trim().split("\n").at(-1)).toBe("datastore/etcd-snapshot.db");
  });

  test("--write-only works beside keys for something else, which are neither tried nor named in the runbook", async () => {
    const elsewhere = key;
    const { secret } = await giveKey(server);
    server.write("/root/other.txt", `${secret}\n`);
    const { path, said } = await backedUp(
      server,
      `--write-only -i /root/other.txt -r ${elsewhere.recipient}`,
    );
    expect(said).toContain("this host has no key to open it");
    server.write("/root/rescue.txt", `${elsewhere.secret}\n`);
    const open = `age -d -i /root/rescue.txt ${path} | zstd -d | tar xO RUNBOOK.md`;
    expect(await server.must(open)).not.toContain("/root/other.txt");
  });
});
