/** Archives that the first released format wrote: this build verifies, lists, extracts and restores each of them. */
import { afterAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { PROGRAM, stateOf, withoutTransient } from "../e2e/workload.ts";
import { DATA, expectRefusal, leftovers, restore } from "../e2e/restore-host.ts";
import { releasedArchives } from "./old-archives/released.ts";
import { manifestOf } from "./old-archives/manifest-of.ts";
import { recordFault } from "./rows.ts";
import type { BareServer } from "../lab/server.ts";
import type { ReleasedArchive } from "./old-archives/released.ts";

const MEDIA = "/media/usb";
const KEY = `${MEDIA}/key.txt`;
const FORMAT_1 = `${import.meta.dirname}/../testdata/archives/format-1`;
const archives = releasedArchives();

describe.skipIf(skipWithoutLab())("an archive of an earlier release", () => {
  let done = 0;
  afterAll(() => {
    recordFault({
      family: "old archives",
      fault: "verify, list, extract and restore an archive of each release on a bare server",
      tried: archives.length,
      survived: done,
      lost: archives.length - done,
    });
  });

  test("is kept for each kind of datastore, and one with everything in it", () => {
    expect(archives.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["0.1.0/everything", "0.1.0/sqlite"]),
    );
  });

  for (const archive of archives) {
    test(`${archive.name} is verified, listed, extracted and restored`, async () => {
      await using server = await startBareServer({ cluster: false });
      await server.must("rm -rf /etc/rancher");
      server.write(`${MEDIA}/${archive.file}`, archive.bytes);
      server.write(KEY, `${archive.identity}\n`);
      await expectReadable(server, archive);
      const result = await restore(server, `--yes --dir ${MEDIA} -i ${KEY}`);
      expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
        exit: 0,
        stderr: expect.stringContaining("same CA"),
      });
      await expectBack(server, archive);
      await server.must("systemctl restart k3s", { timeout: 60_000 });
      await expectBack(server, archive);
      expect(await leftovers(server)).toBe("");
      done += 1;
    }, 300_000);
  }

  test("format-1, around an etcd of no K3s, is read; a restore fails at the reset and leaves the host as it was", async () => {
    await using server = await startBareServer({ cluster: false });
    server.write(`${MEDIA}/format-1.age`, readFileSync(`${FORMAT_1}.tar.zst.age`));
    server.write(KEY, readFileSync(`${FORMAT_1}.key.txt`));
    await server.must(`${PROGRAM} verify -q -i ${KEY} ${MEDIA}/format-1.age`);
    const mark = "find /etc/rancher /etc/systemd/system -type f -exec md5sum {} + | sort";
    const before = await server.must(mark);
    // Its unit has no ExecStart=, so systemd cannot even be asked to stop it on the way back.
    expectRefusal(await restore(server, `--yes -i ${KEY} ${MEDIA}/format-1.age`), {
      exit: 1,
      says: /the restore failed while restoring the database: k3s server --cluster-reset failed \(.*\); everything is as it was before$/,
    });
    const after = await server.must(mark);
    expect(after.replaceAll(/^.*k3s\.yaml\n/gm, "")).toBe(before);
    expect(await leftovers(server)).toBe("");
  }, 120_000);
});

/** verify, list and extract, which gives back every file byte for byte. */
async function expectReadable(server: BareServer, archive: ReleasedArchive): Promise<void> {
  const path = `${MEDIA}/${archive.file}`;
  const verified = await server.run(`${PROGRAM} verify -i ${KEY} ${path}`);
  expect({ exit: verified.exitCode, stderr: verified.stderr }).toMatchObject({ exit: 0 });
  expect(await server.must(`${PROGRAM} list --dir ${MEDIA}`)).toContain(
    archive.file.slice(-"12345678.tar.zst.age".length, -".tar.zst.age".length),
  );
  await server.must(`${PROGRAM} extract -q --archive ${path} -i ${KEY} -o /root/all`);
  const { entries } = await manifestOf(archive);
  for (const { path: entry, sha256 } of entries) {
    const digest = createHash("sha256").update(server.readBytes(`/root/all/${entry}`));
    expect([entry, digest.digest("hex")]).toEqual([entry, sha256]);
  }
}

/** The cluster is the one of then: objects with their UIDs, CA, releases, the node's password, secrets that can be read. */
async function expectBack(server: BareServer, { expected }: ReleasedArchive): Promise<void> {
  const now = await stateOf(server);
  expect(withoutTransient(now.uids)).toEqual(expected.uids);
  expect(now.clientAuthority.trim()).toBe(expected.clientAuthority);
  expect(JSON.parse(now.helmList)).toMatchObject(expected.helmList);
  expect(JSON.parse(now.helmValues)).toEqual(expected.helmValues);
  expect(server.read("/etc/rancher/node/password").trim()).toBe(expected.nodePassword);
  const secret = await server.kubectl("get", "secret", "password", "-o", "jsonpath={.data.value}");
  expect(Buffer.from(secret, "base64").toString()).toBe("hunter2");
  expect(server.exists(`${DATA}/server/db`)).toBe(true);
}
