/** Which versions may take up an archive, and what is known of this host's etcd without starting it. */
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { checkEtcd, checkVersions, etcdDoubt } from "../../../src/app/version-rules.ts";
import { embeddedEtcd, etcdIn } from "../../../src/k3s/embedded-etcd.ts";
import { makeTestContent } from "../../helpers/archive.ts";
import { testContext } from "../../helpers/context.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import { testHost } from "../../helpers/host.ts";
import { testSettings } from "../../helpers/settings.ts";
import type { Manifest } from "../../../src/archive/manifest.ts";

const { manifest } = await makeTestContent(); // of K3s v1.36.2+k3s1

function stamped(storageVersion: string | undefined, etcd?: string): Manifest {
  const { storageVersion: _old, ...datastore } = manifest.datastore;
  const stamp = storageVersion === undefined ? {} : { storageVersion };
  const known = etcd === undefined ? {} : { etcd };
  return { ...manifest, datastore: { ...datastore, ...stamp }, k3s: { ...manifest.k3s, ...known } };
}

interface Here {
  readonly version: string;
  readonly archive?: Manifest;
  readonly force?: boolean;
}

/** checkVersions() on a host whose k3s says that it is of a version. */
async function check({ version, archive = manifest, force = false }: Here) {
  return await withFolder(async (folder) => {
    writeFileSync(`${folder}/k3s`, `#!/bin/sh\necho "k3s version ${version} (af977adf)"\n`, {
      mode: 0o755,
    });
    const settings = { ...testSettings({}), k3s: `${folder}/k3s`, dataDir: `${folder}/data` };
    return await checkVersions(testContext(), { manifest: archive, settings, force });
  });
}

describe("checkVersions()", () => {
  test("the same K3s says nothing, a newer one is named, a jump over minors too", async () => {
    expect(await check({ version: "v1.36.2+k3s1" })).toEqual([]);
    const [newer] = await check({ version: "v1.37.0+k3s1" });
    expect(newer?.message).toBe("this host has K3s v1.37.0+k3s1, the backup is of v1.36.2+k3s1");
    const [jump] = await check({ version: "v1.39.1+k3s1" });
    expect(jump?.message).toContain("3 Kubernetes minors on; Kubernetes is upgraded one at a time");
  });

  test("an older K3s is refused, and says so when it is of an older Kubernetes minor", async () => {
    const patch = await failureOf(() => check({ version: "v1.36.1+k3s1" }));
    expect([patch.exit, patch.code]).toEqual(["refused", "K3S_OLDER"]);
    expect(patch.message).not.toContain("minor");
    const minor = await failureOf(() => check({ version: "v1.35.9+k3s1" }));
    expect(minor.message).toContain("Kubernetes cannot read what a newer minor may have stored");
    expect(minor.hint).toContain("install K3s v1.36.2+k3s1 or newer");
  });

  test("on a machine without K3s: which one to install, and not to start it", async () => {
    const settings = { ...testSettings({}), k3s: "k3s-that-is-not-here" };
    const context = testContext();
    const missing = await failureOf(() =>
      checkVersions(context, { manifest, settings, force: false }),
    );
    expect([missing.exit, missing.code]).toEqual(["precondition", "K3S_NOT_FOUND"]);
    expect(missing.hint).toBe(
      "install K3s v1.36.2+k3s1, as in the backup, without starting it (INSTALL_K3S_SKIP_START=true), then run this again",
    );
  });

  test("forced, it is a warning instead", async () => {
    const warnings = await check({ version: "v1.35.9+k3s1", force: true });
    expect(warnings.map(({ code }) => code)).toEqual(["K3S_OLDER"]);
  });

  test("an etcd that is older than the snapshot's is refused, by the table of K3s's own versions", async () => {
    const archive = stamped("3.7.0");
    const error = await failureOf(() => check({ version: "v1.36.2+k3s1", archive }));
    expect([error.exit, error.code]).toEqual(["refused", "ETCD_OLDER"]);
    expect(error.message).toContain("stored by etcd 3.7.0, and the etcd of this host's K3s is 3.6");
    const forced = await check({ version: "v1.36.2+k3s1", archive, force: true });
    expect(forced.map(({ code }) => code)).toEqual(["ETCD_OLDER"]);
    // What is newer than the table is not guessed at.
    expect((await check({ version: "v1.38.0+k3s1", archive })).map(({ code }) => code)).toEqual([
      "K3S_NEWER",
    ]);
  });

  test("the table has the etcd of each minor of K3s, as its release notes say", async () => {
    const rows: [string, string][] = [
      ["v1.19.15+k3s2", "3.4"],
      ["v1.21.14+k3s1", "3.4"],
      ["v1.22.4+k3s1", "3.5"],
      ["v1.24.17+k3s1", "3.5"],
      ["v1.32.11+k3s3", "3.5"],
      ["v1.33.4+k3s1", "3.5"],
      ["v1.34.1+k3s1", "3.6"],
      ["v1.36.2+k3s1", "3.6"],
      ["v1.37.0+k3s1", "3.7"],
    ];
    for (const [version, minor] of rows) {
      const archive = stamped(`3.${Number(minor.slice(2)) + 1}.0`);
      const codes = (await check({ version, archive, force: true })).map(({ code }) => code);
      expect([version, codes.includes("ETCD_OLDER")]).toEqual([version, true]);
      const same = await check({ version, archive: stamped(`${minor}.0`), force: true });
      expect([version, same.some(({ code }) => code === "ETCD_OLDER")]).toEqual([version, false]);
    }
  });

  test("SQLite has no such stamp", async () => {
    const datastore = { ...stamped("3.7.0").datastore, kind: "sqlite" as const };
    expect(await check({ version: "v1.36.2+k3s1", archive: { ...manifest, datastore } })).toEqual(
      [],
    );
  });
});

describe("checkEtcd()", () => {
  const here = { minor: "3.6", source: "seen" };
  const outcome = (archive: Manifest): number =>
    checkEtcd(here, { manifest: archive, force: true }).length;

  test("compares minors; patches do not matter", () => {
    for (const stamp of ["3.5.0", "3.6.0", "3.6.99"]) expect(outcome(stamped(stamp))).toBe(0);
    for (const stamp of ["3.7.0", "3.10.0", "4.0.0"]) expect(outcome(stamped(stamp))).toBe(1);
  });

  test("etcd before 3.6 has only the cluster's version; a snapshot without any is not judged", () => {
    expect(outcome(stamped(undefined, "3.7.0"))).toBe(1);
    expect(outcome(stamped(undefined, "3.5.0"))).toBe(0);
    expect(outcome(stamped(undefined))).toBe(0);
    expect(checkEtcd(undefined, { manifest: stamped("9.9.0"), force: false })).toEqual([]);
  });

  test("an older cluster here is a doubt, not a refusal: its program may be newer by now", () => {
    expect(etcdDoubt("3.6.0", stamped("3.7.0")).map(({ code }) => code)).toEqual(["ETCD_DOUBT"]);
    expect(etcdDoubt("3.7.0", stamped("3.7.0"))).toEqual([]);
    expect(etcdDoubt(undefined, stamped("3.7.0"))).toEqual([]);
  });
});

describe("embeddedEtcd()", () => {
  const VERSION = "v1.36.2+k3s1";
  const MODULE = "dep\tgo.etcd.io/etcd/server/v3\tv3.6.12\th1:abc=\n";
  const FORK =
    "dep\tgo.etcd.io/etcd/server/v3\tv3.6.12\n=>\tgithub.com/k3s-io/etcd/server/v3\tv3.5.21-k3s1\th1:x=\n";

  /** What is read in a program of these parts, with so many bytes between them. */
  async function read(parts: readonly string[], gap = 10): Promise<string | undefined> {
    return await withFolder(async (folder) => {
      writeFileSync(`${folder}/k3s`, parts.join("\0".repeat(gap)));
      return await etcdIn(`${folder}/k3s`, VERSION);
    });
  }

  test("reads the build information of a Go program, and of the fork that stands in for a module", async () => {
    expect(await read(["x", MODULE, VERSION])).toBe("3.6");
    expect(await read([VERSION, FORK])).toBe("3.5");
  });

  test("finds it wherever it lies", async () => {
    const piece = 1024 * 1024; // what is read at a time
    for (const gap of [piece - 60, piece - 20, piece - 1024, piece + 3]) {
      expect(await read(["x", MODULE, VERSION], gap)).toBe("3.6");
    }
  });

  test("does not believe a program of another version, or one without it", async () => {
    expect(await read([MODULE, "v1.35.0+k3s1"])).toBe(undefined);
    expect(await read([VERSION])).toBe(undefined);
    expect(await read([])).toBe(undefined);
  });

  test("takes the unpacked program before the wrapper, and the table where neither tells", async () => {
    await withFolder(async (folder) => {
      const settings = { ...testSettings({}), k3s: `${folder}/k3s`, dataDir: `${folder}/data` };
      writeFileSync(`${folder}/k3s`, `${VERSION}\n`, { mode: 0o755 });
      const host = testHost();
      expect((await embeddedEtcd(host, settings, VERSION))?.source).toBe(`that of K3s ${VERSION}`);
      expect((await embeddedEtcd(host, settings, "v1.33.4+k3s1"))?.minor).toBe("3.5");
      expect((await embeddedEtcd(host, settings, "v1.37.1+k3s1"))?.minor).toBe("3.7");
      expect(await embeddedEtcd(host, settings, "v1.99.0+k3s1")).toBe(undefined);
      mkdirSync(`${folder}/data/data/current/bin`, { recursive: true });
      writeFileSync(`${folder}/data/data/current/bin/k3s`, FORK + VERSION);
      expect((await embeddedEtcd(host, settings, VERSION))?.minor).toBe("3.5");
    });
  });
});
