/** What doctor says of the newest archive: of this host's, and no more than is known. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { archiveChecks, archivesIn } from "../../../src/app/doctor-archives.ts";
import { archiveName } from "../../../src/archive/names.ts";
import { parseSidecar, serializeSidecar, sidecarOf } from "../../../src/archive/sidecar.ts";
import { makeTestContent } from "../../helpers/archive.ts";
import { testContext } from "../../helpers/context.ts";
import { withFolder } from "../../helpers/folder.ts";
import type { Sidecar } from "../../../src/archive/sidecar.ts";

const { manifest } = await makeTestContent();
const now = () => new Date("2026-11-24T02:31:07Z");

interface Made {
  readonly host: string;
  readonly created: string;
  readonly sidecar?: Partial<Sidecar>;
}

/** The sentences of `archives.newest` and `archives.verified` on host s1. */
async function said(made: readonly Made[]): Promise<string[]> {
  return withFolder(async (directory) => {
    for (const { host, created, sidecar } of made) {
      const name = archiveName({ cluster: "prod", host, created, id: "00000001" });
      writeFileSync(`${directory}/${name}`, name);
      const whole = sidecarOf(manifest, { name, size: name.length, sha256: "a".repeat(64) });
      writeFileSync(`${directory}/${name}.json`, serializeSidecar({ ...whole, ...sidecar }));
    }
    const context = testContext({ hostname: "s1", now });
    const checks = await archiveChecks(context, directory, await archivesIn(directory));
    return checks.filter(({ id }) => id !== "archives.folder").map(({ detail }) => detail);
  });
}

const verified = {
  at: "2026-11-23T03:00:00Z",
  tool: "railiance-cluster 0.1.0",
  level: "snapshot",
} as const;

describe("of the newest archive doctor says", () => {
  test("how old this host's is, however young those of other hosts in the folder are", async () => {
    const own = { host: "s1", created: "2026-11-23T02:31:07Z", sidecar: { verified } };
    expect(await said([own, { host: "s2", created: "2026-11-24T02:00:00Z" }])).toEqual([
      "the newest archive is 24 h old (railiance-cluster_prod_s1_20261123T023107Z_00000001.tar.zst.age)",
      "the newest archive was verified 2026-11-23",
    ]);
  });

  test("that there is none when all are of other hosts", async () => {
    const others = ["s3", "s2"].map((host) => ({ host, created: "2026-11-24T02:00:00Z" }));
    expect(await said(others)).toEqual(["there is no archive of this host yet, only of s2, s3"]);
    expect(await said([])).toEqual(["there is no archive yet"]);
  });

  test("that it was never verified, and nothing of runs that no command makes", async () => {
    const [, text] = await said([{ host: "s1", created: "2026-11-23T02:31:07Z" }]);
    expect(text).toBe("the newest archive was never verified");
  });
});

test("a sidecar that notes a run is read as before", () => {
  const proven = { at: "2026-11-24T00:00:00Z", seconds: 12 };
  const whole = sidecarOf(manifest, { name: "a", size: 1, sha256: "a".repeat(64) });
  expect(parseSidecar(serializeSidecar({ ...whole, proven }))?.proven).toEqual(proven);
});
