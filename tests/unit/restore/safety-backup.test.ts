/** Where a safety backup would be and for whom, decided without writing anything. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import {
  generateHybridIdentity,
  generateX25519Identity,
  identityToRecipient,
} from "age-encryption";
import { planSafetyBackup, safetyPlanText } from "../../../src/app/safety-backup.ts";
import { ARCHIVE_FOLDER } from "../../../src/app/places.ts";
import { discoverIdentities } from "../../../src/keys/identities.ts";
import { makeTestContent } from "../../helpers/archive.ts";
import { testContext } from "../../helpers/context.ts";
import { treeOf, withFolder } from "../../helpers/folder.ts";
import { testSettings } from "../../helpers/settings.ts";
import type { SafetyInput, SafetyPlan } from "../../../src/app/safety-backup.ts";

const { manifest } = await makeTestContent();
const secret = await generateX25519Identity();
const own = await identityToRecipient(secret);
const other = await identityToRecipient(await generateX25519Identity());
const quantum = await identityToRecipient(await generateHybridIdentity());

interface Case {
  readonly recipients?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Prepares the archive folder, which lies in this one. */
  readonly prepare?: (folder: string) => void;
  readonly size?: number;
}

async function planned(one: Case): Promise<SafetyPlan & { readonly in: string }> {
  return await withFolder(async (folder) => {
    const directory = `${folder}/archives`;
    mkdirSync(directory, { mode: 0o700 });
    writeFileSync(`${folder}/k3s`, '#!/bin/sh\necho "k3s version v1.36.2+k3s1 (x)"\n', {
      mode: 0o755,
    });
    one.prepare?.(directory);
    const before = treeOf(folder);
    const context = testContext({ env: { SOPS_AGE_KEY: secret, ...one.env } });
    const keys = await discoverIdentities(context.host, { files: [] });
    const input: SafetyInput = {
      manifest: { ...manifest, recipients: one.recipients ?? [own] },
      keys,
      directory,
      workingDirectory: folder,
      settings: { ...testSettings({}), k3s: `${folder}/k3s`, dataDir: `${folder}/data` },
      live: liveOf(one.size ?? 1000),
      stage: {
        path: folder,
        write: () => Promise.reject(new Error("nothing is to be written")),
        link: () => Promise.reject(new Error("nothing is to be written")),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      },
      created: new Date(),
    };
    const plan = await planSafetyBackup(context, input);
    expect(treeOf(folder)).toEqual(before);
    return { ...plan, in: directory };
  });
}

/** Of a saved datastore only its size counts here. */
function liveOf(size: number): SafetyInput["live"] {
  const nothing = (): Promise<void> => Promise.resolve();
  return {
    clusterId: manifest.cluster.id,
    revision: 1,
    keys: 1,
    stopped: false,
    source: { numbering: "kine", sealed: { open: () => undefined }, walk: nothing },
    saved: {
      kind: "sqlite",
      saved: { path: "/nowhere", size },
      facts: {
        size,
        sha256: "",
        pageSize: 4096,
        pages: 1,
        revision: 1,
        keys: 1,
        registryKeys: 1,
        bootstrapHashes: [],
        compactRevision: 0,
      },
      token: "",
      [Symbol.asyncDispose]: nothing,
    },
    [Symbol.asyncDispose]: nothing,
  };
}

function recipientsOf(plan: SafetyPlan): readonly string[] {
  return "reason" in plan ? [plan.reason] : plan.recipients;
}

describe("planSafetyBackup()", () => {
  test("it is for the archive's recipients and this host's, each once", async () => {
    expect(recipientsOf(await planned({ recipients: [other, own] }))).toEqual([other, own]);
    const env = { SOPS_AGE_RECIPIENTS: `${other},${own}` };
    expect(recipientsOf(await planned({ env }))).toEqual([own, other]);
  });

  test("for the archive's alone, where the two cannot be together or the host's rules are broken", async () => {
    expect(recipientsOf(await planned({ env: { SOPS_AGE_RECIPIENTS: quantum } }))).toEqual([own]);
    expect(recipientsOf(await planned({ env: { SOPS_AGE_RECIPIENTS: "age1nonsense" } }))).toEqual([
      own,
    ]);
    const rules = (directory: string): void =>
      writeFileSync(`${directory}/../.sops.yaml`, "creation_rules: [\n");
    expect(recipientsOf(await planned({ prepare: rules }))).toEqual([own]);
  });

  test("not for people alone whom nobody here could prove to open it", async () => {
    const plan = await planned({ recipients: [other], env: { SOPS_AGE_RECIPIENTS: other } });
    expect("reason" in plan).toBe(true);
  });

  test("it lies in a folder of its own inside the archive folder", async () => {
    const plan = await planned({});
    expect(plan).toMatchObject({ folder: `${plan.in}/before-restore` });
    expect(safetyPlanText(plan)).toContain("/before-restore, for 1 recipient");
  });

  test("in the default one where the archives' cannot take it", async () => {
    const open = await planned({ prepare: (directory) => chmodSync(directory, 0o755) });
    expect(open).toMatchObject({ folder: `${ARCHIVE_FOLDER}/before-restore` });
  });

  test("without room there is a reason, in figures", async () => {
    const plan = await planned({ size: 1e15 });
    expect(safetyPlanText(plan)).toMatch(
      /^NONE: .+ has .+ free, and (with the restore itself )?it needs about 1000 TB; today's data is only moved aside$/,
    );
  });
});
