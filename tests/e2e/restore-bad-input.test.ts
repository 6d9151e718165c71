/** What a restore refuses before it touches anything: K3s goes on running, and every file is what it was. */
import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { FORMAT, serializeManifest } from "../../src/archive/manifest.ts";
import { backInPlace, inPlaceOfK3s } from "./k3s-in-place.ts";
import { skipWithoutLab } from "../lab/server.ts";
import { makeTestArchive, makeTestContent, sealTar } from "../helpers/archive.ts";
import { END, join, member, put } from "../helpers/tar.ts";
import { KEY_FILE, PROGRAM } from "./workload.ts";
import { BAD, TEST_KEY, refusedRestores } from "./refused-restore.ts";
import { expectRefusal, restore } from "./restore-host.ts";
import type { BareServer } from "../lab/server.ts";
import type { RefusedRestores } from "./refused-restore.ts";
import type { Backup } from "./restore-host.ts";

describe.skipIf(skipWithoutLab())("a restore that is refused", () => {
  const host = refusedRestores();
  let server: BareServer;
  let backup: Backup;
  let name = "";
  let whole: Uint8Array;
  let give: RefusedRestores["give"];
  beforeEach(() => ({ server, backup, name, whole, give } = host()));

  /** One bit: a `b` becomes a `c`. */
  function withFlip(at: number): Uint8Array {
    const bytes = whole.slice();
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    return bytes;
  }

  test("not root", async () => {
    const result = await server.run(`${PROGRAM} restore --yes`, { user: "nobody" });
    expectRefusal(result, { exit: 5, says: "a restore needs root", hint: "as root" });
  });

  test("no consent", async () => {
    expectRefusal(await restore(server), {
      exit: 10,
      says: "no terminal to ask on",
      hint: "--yes",
    });
  });

  test("an archive cut off, at its head, in the middle, at its end", async () => {
    for (const size of [0, 40, 200, whole.length >> 1, whole.length - 1]) {
      const path = give(whole.slice(0, size));
      expectRefusal(await restore(server, `--yes ${path}`), { exit: 4, says: path });
    }
  }, 60_000);

  test("an archive with a flipped byte, anywhere", async () => {
    const mac = Buffer.from(whole).indexOf("\n--- ") + 6;
    for (const at of [0, mac, ...[0.3, 0.6, 0.9999].map((part) => whole.length * part)]) {
      const path = give(withFlip(Math.floor(at)));
      expectRefusal(await restore(server, `--yes ${path}`), { exit: 4, says: path });
    }
  }, 60_000);

  test("an archive for nobody: damaged when the digest beside it says so, else one for another key", async () => {
    const stanza = Buffer.from(whole).indexOf("-> X25519 ") + 10;
    const letter = Buffer.from(whole.subarray(stanza, stanza + 40))
      .toString("latin1")
      .search(/[b-y]/);
    const path = give(withFlip(stanza + letter));
    expectRefusal(await restore(server, `--yes ${path}`), { exit: 8, says: path, hint: "key" });
    server.write(`${path}.json`, server.read(`${backup.archive}.json`));
    expectRefusal(await restore(server, `--yes ${path}`), {
      exit: 4,
      says: `${path} is damaged: no identity opens it`,
      hint: "copy the archive again",
    });
  }, 60_000);

  test("two archives in one file, and bytes after the end", async () => {
    for (const tail of [whole, new Uint8Array(100)]) {
      const path = give(join(whole, tail));
      expectRefusal(await restore(server, `--yes ${path}`), { exit: 4, says: path });
    }
  }, 60_000);

  test("no archive at all", async () => {
    const path = give(readFileSync(import.meta.path), name);
    expectRefusal(await restore(server, `--yes ${path}`), { exit: 4, says: path });
  });

  test("an archive of a newer format", async () => {
    const { runbook, manifest } = await makeTestContent();
    const text = new TextDecoder().decode(serializeManifest(manifest));
    const newer = text.replace(FORMAT, FORMAT.replace(/\d+$/, "2"));
    const bytes = await sealTar(
      join(member("RUNBOOK.md", runbook), member("manifest.json", newer), END),
    );
    const path = give(bytes, (await makeTestArchive()).name);
    expectRefusal(await restore(server, `--yes -i ${TEST_KEY} ${path}`), {
      exit: 4,
      says: "has format 2, this program reads up to 1",
      hint: "use a newer railiance-cluster",
    });
  });

  const rename = (to: string) => (block: Uint8Array) => put(block.fill(0, 0, 100), 0, to);
  const retype = (flag: string) => (block: Uint8Array) => put(block, 156, flag);
  const wrongNames: readonly (readonly [
    what: string,
    edit: (block: Uint8Array) => void,
    says: string,
  ])[] = [
    ["a name with ..", rename("../../etc/cron.d/x"), 'has a part ".."'],
    [
      "an absolute name",
      rename("/etc/cron.d/x"),
      'the name "/etc/cron.d/x" in the archive is absolute',
    ],
    ["a symbolic link", retype("2"), "the archive holds a symbolic link"],
    ["a hard link", retype("1"), "the archive holds a hard link"],
    ["a device", retype("3"), "the archive holds a character device"],
    [
      "an entry that the manifest does not list",
      () => undefined,
      '"harmless" is in the archive but not in its manifest',
    ],
    ["a second manifest", rename("manifest.json"), '"manifest.json" is in the archive twice'],
  ];
  for (const [what, edit, says] of wrongNames) {
    test(`an archive with ${what}`, async () => {
      const { runbook, manifest } = await makeTestContent();
      const bytes = await sealTar(
        join(
          member("RUNBOOK.md", runbook),
          member("manifest.json", serializeManifest(manifest)),
          member("harmless", "x", edit),
          END,
        ),
      );
      const path = give(bytes, (await makeTestArchive()).name);
      const result = await restore(server, `--yes --force -i ${TEST_KEY} ${path}`);
      expectRefusal(result, { exit: 4, says: `${path} cannot be used: ` });
      expectRefusal(result, { exit: 4, says });
      expect(server.exists("/etc/cron.d/x")).toBe(false);
    });
  }

  test("a key that does not open it, a broken one, none", async () => {
    await server.must(`mv ${KEY_FILE} ${KEY_FILE}.away`);
    try {
      expectRefusal(await restore(server, `--yes -i ${TEST_KEY}`), {
        exit: 8,
        says: backup.archive,
      });
      server.write(`${BAD}/key.txt`, "AGE-SECRET-KEY-1BROKEN\n");
      expectRefusal(await restore(server, `--yes -i ${BAD}/key.txt`), {
        exit: 8,
        says: /key/,
      });
      expectRefusal(await restore(server, "--yes"), {
        exit: 8,
        says: "there is no age key",
        hint: "-i FILE",
      });
    } finally {
      await server.must(`mv ${KEY_FILE}.away ${KEY_FILE}`);
    }
  }, 60_000);

  test("an archive of another cluster; --force would take it", async () => {
    const other = await makeTestArchive();
    const path = give(other.bytes, other.name);
    expectRefusal(await restore(server, `--yes -i ${TEST_KEY} ${path}`), {
      exit: 10,
      says: "this host belongs to another cluster",
      hint: "the empty cluster that K3s made at its first start, or it is to become the archive's all the same: --force",
    });
    const planned = await restore(server, `--plan --force -i ${TEST_KEY} ${path}`);
    expect(planned.exitCode).toBe(0);
    expect(planned.stdout).toContain(path);
  });

  test("a K3s older than that of the backup", async () => {
    const wrap = await inPlaceOfK3s(server);
    wrap('[ "$1" = --version ] && { echo "k3s version v1.30.4+k3s1 (98262b5d)"; exit 0; }');
    try {
      expectRefusal(await restore(server, "--yes"), {
        exit: 10,
        says: "this host has K3s v1.30.4+k3s1, older than the v1.37.2+k3s1 of the backup",
        hint: "--force",
      });
    } finally {
      await backInPlace(server);
    }
  });

  test("another data folder than the archive's", async () => {
    expectRefusal(await restore(server, "--yes --data-dir /srv/k3s"), {
      exit: 2,
      says: "not in /srv/k3s",
      hint: "--data-dir",
    });
  });

  test("a disk that has no room for what is unpacked", async () => {
    await server.must(
      "mkdir -p /var/lib/railiance && mount -t tmpfs -o size=200k tmpfs /var/lib/railiance",
    );
    try {
      expectRefusal(await restore(server, "--yes"), {
        exit: 5,
        says: /cannot write to .*: no space is left on the device/,
        hint: "free some space",
      });
      expect((await server.must("find /var/lib/railiance/cluster -type f")).trim()).toBe("");
    } finally {
      await server.must("umount /var/lib/railiance");
    }
  });
});
