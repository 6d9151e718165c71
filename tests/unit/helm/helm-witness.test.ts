import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { helmReleasesAsset } from "../../../src/assets/helm-releases.ts";
import { collect } from "./stand-in.ts";
import type { Collected } from "./stand-in.ts";
import {
  SECRET,
  record,
  serving,
  helmPrinting,
  WEB,
  codes,
  expectNoSecret,
} from "./release-support.ts";

describe("helm as a witness", () => {
  async function withHelm(script: string | undefined, timeout?: number): Promise<Collected> {
    await using server = await serving([record()]);
    if (script !== undefined) await server.program("helm", script);
    const options = timeout === undefined ? {} : { helmTimeout: timeout };
    const collected = await collect(helmReleasesAsset(options), server);
    expect(collected.releases).toHaveLength(1);
    expectNoSecret(collected);
    return collected;
  }

  test("agrees: nothing to say", async () => {
    const { gaps, notes } = await withHelm(helmPrinting([WEB]));
    expect(gaps).toEqual([]);
    expect(notes).toEqual([]);
  });

  test("is missing: a note, no gap", async () => {
    const { gaps, notes } = await withHelm(undefined);
    expect(gaps).toEqual([]);
    expect(notes).toEqual([
      "helm is not on PATH; release records were read from the cluster itself",
    ]);
  });

  test("knows a release that was not found: a gap", async () => {
    const collected = await withHelm(helmPrinting([WEB, { ...WEB, namespace: "db", name: "pg" }]));
    expect(codes(collected)).toEqual(["HELM_RELEASE_MISSING"]);
    expect(collected.gaps[0]?.message).toContain("db/pg");
  });

  test("has another revision or another chart: a gap", async () => {
    expect(codes(await withHelm(helmPrinting([{ ...WEB, revision: "2" }])))).toEqual([
      "HELM_RELEASE_DIFFERS",
    ]);
    expect(codes(await withHelm(helmPrinting([{ ...WEB, chart: "nginx-2.0.0" }])))).toEqual([
      "HELM_RELEASE_DIFFERS",
    ]);
  });

  const failing: [string, string][] = [
    ["exits non-zero", `#!/bin/sh\necho '[]'\necho 'Error: cluster unreachable' >&2\nexit 1\n`],
    ["prints garbage", `#!/bin/sh\necho 'NAME ${SECRET}'\n`],
    ["prints nothing", `#!/bin/sh\nexit 0\n`],
    ["prints JSON that is no list of releases", `#!/bin/sh\necho '[{"${SECRET}": 1}]'\n`],
    ["dies by a signal", `#!/bin/sh\nkill -9 $$\n`],
    ["prints without end", `#!/bin/sh\nexec /usr/bin/yes\n`],
  ];
  for (const [what, script] of failing) {
    test(`${what}: one gap HELM_CHECK_FAILED, and the releases are saved`, async () => {
      expect(codes(await withHelm(script))).toEqual(["HELM_CHECK_FAILED"]);
    });
  }

  test("hangs: a gap, after its time is up", async () => {
    const collected = await withHelm("#!/bin/sh\nexec /bin/sleep 60\n", 150);
    expect(codes(collected)).toEqual(["HELM_CHECK_FAILED"]);
    expect(collected.gaps[0]?.message).toContain("no answer");
  });

  test("is a file that is no program: a gap", async () => {
    expect(codes(await withHelm("\u0000 no program"))).toEqual(["HELM_CHECK_FAILED"]);
  });

  test("gets our kubeconfig, all statuses, no limit, and no home to write to or load plugins from", async () => {
    await using server = await serving([record()]);
    await server.program(
      "helm",
      `#!/bin/sh\n/usr/bin/env >@FOLDER@/env\necho "$*" >@FOLDER@/args\necho '[]'\n`,
    );
    await collect(helmReleasesAsset(), server);
    const env = await readFile(`${server.folder}/env`, "utf8");
    expect(env).toContain("KUBECONFIG=/config\n");
    for (const name of ["HOME", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"]) {
      expect(`\n${env}`).toContain(`\n${name}=/proc/`);
    }
    const args = await readFile(`${server.folder}/args`, "utf8");
    expect(args).toContain("list --all-namespaces --max=0 ");
    for (const status of [
      "deployed",
      "failed",
      "pending",
      "superseded",
      "uninstalled",
      "uninstalling",
    ]) {
      expect(args).toContain(` --${status} `);
    }
  });
});
