/**
 * An archive made by somebody who has the recipient, and so can write one that opens:
 * nothing in it is wrong, so `verify` cannot refuse it. What gives it away is the signature.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { parseManifest } from "../../src/archive/manifest.ts";
import { generateSigningKey, signManifest } from "../../src/archive/signature.ts";
import { skipWithoutLab } from "../lab/server.ts";
import { END, join, member } from "../helpers/tar.ts";
import { STATE, hostWithBackup, restore } from "../e2e/restore-host.ts";
import { layersOf, sealedTar } from "./corruption/layers.ts";
import type { Manifest } from "../../src/archive/manifest.ts";
import type { BareServer } from "../lab/server.ts";
import type { Backup } from "../e2e/restore-host.ts";

describe.skipIf(skipWithoutLab())("an archive that somebody else made", () => {
  let server: BareServer;
  let backup: Backup;

  beforeAll(async () => {
    ({ server, backup } = await hostWithBackup());
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());

  /** The host's own backup with another manifest, under its name in a folder of its own. */
  async function forged(sign: (manifest: Manifest) => Promise<Manifest>): Promise<string> {
    const bytes = new Uint8Array(server.readBytes(backup.archive));
    const { tar, members, recipient } = await layersOf(bytes, backup.secret);
    const body = (name: string): Uint8Array => {
      const found = members.find((one) => one.name === name)?.body;
      return tar.slice(found?.from, found?.to);
    };
    const { signature: _, ...manifest } = parseManifest(body("manifest.json"));
    const other = JSON.stringify(await sign(manifest));
    const parts = manifest.entries.map(({ path }) => member(path, body(path)));
    const head = [member("RUNBOOK.md", body("RUNBOOK.md")), member("manifest.json", other)];
    const path = `/root/forged${backup.archive.slice(backup.archive.lastIndexOf("/"))}`;
    server.write(path, await sealedTar(join(...head, ...parts, END), recipient));
    return path;
  }

  test("signed by another key: the plan of a restore says so", async () => {
    const key = await generateSigningKey();
    const path = await forged((manifest) => signManifest(manifest, key));
    const planned = await restore(server, `--plan ${path}`);
    expect(planned.stderr).toContain(
      `warning: the archive says it is of this host, but is signed by ${key.publicKey}, not by this host's key`,
    );
    expect(planned.exitCode).toBe(0);
  }, 60_000);

  test("not signed at all: the plan says so", async () => {
    const path = await forged((manifest) => Promise.resolve(manifest));
    const planned = await restore(server, `--plan ${path}`);
    expect(planned.stderr).toContain("warning: the archive is not signed, as every backup is");
    expect(planned.exitCode).toBe(0);
  }, 60_000);

  test("a key of this host that is broken is told, and stands in nobody's way", async () => {
    const file = `${STATE}/signing-key.json`;
    const key = server.read(file);
    server.write(file, "{}");
    const planned = await restore(server, `--plan ${backup.archive}`);
    server.write(file, key);
    expect(planned.stderr).toContain("is not a signing key of ours");
    expect(planned.exitCode).toBe(0);
  }, 60_000);

  test("the host's own backup: nothing is said", async () => {
    const planned = await restore(server, `--plan ${backup.archive}`);
    expect(planned.stderr).not.toContain("signed");
    expect(planned.exitCode).toBe(0);
  }, 60_000);
});
