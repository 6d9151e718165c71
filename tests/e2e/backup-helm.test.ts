/** What cannot be read is a gap: the archive is written, the run ends with 3, and the gap is named; never in silence. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { archivesOn, backedUp, clearArchives } from "./bad-backup.ts";
import { PROGRAM, giveKey, makeWorkload } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

const KUBECONFIG = "/etc/rancher/k3s/k3s.yaml";

describe.skipIf(skipWithoutLab())("a backup with a gap", () => {
  let server: BareServer;
  let helm = "";

  beforeAll(async () => {
    server = await startBareServer();
    await giveKey(server);
    await makeWorkload(server);
    helm = (await server.must("readlink /usr/local/bin/helm")).trim();
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());
  beforeEach(() => clearArchives(server));
  afterEach(() => server.must(`ln -sfn ${helm} /usr/local/bin/helm`));

  function replaceHelm(script: string): void {
    server.remove("/usr/local/bin/helm");
    server.write("/usr/local/bin/helm", `#!/bin/sh\n${script}\n`, 0o755);
  }

  /** Everything of the release that `makeWorkload` made, whatever helm itself does. */
  async function expectRelease(): Promise<void> {
    const shown = await server.run(`${PROGRAM} show --json`);
    for (const name of ["values.yaml", "values-all.yaml", "manifest.yaml", "records/2.json"]) {
      expect(shown.stdout).toContain(`helm/shop/shop/${name}`);
    }
  }

  test("names the check that failed when helm hangs, and ends helm with what it started", async () => {
    replaceHelm("sleep 86399 & echo $! > /root/helm-child; wait");
    const { said } = await backedUp(server, "", { exit: 3, timeout: 100_000 });
    expect(said).toContain(
      "warning: the releases could not be checked against helm list: it gave no answer within 30 s",
    );
    expect((await server.run("kill -0 $(cat /root/helm-child)")).exitCode).not.toBe(0);
    await expectRelease();
  }, 120_000);

  test("names it when helm prints garbage, or fails", async () => {
    replaceHelm("echo '<html>'");
    const garbage = await backedUp(server, "", { exit: 3 });
    expect(garbage.said).toContain("it printed something that is not JSON");
    replaceHelm("echo 'Error: no such flag' >&2; exit 1");
    const failed = await backedUp(server, "", { exit: 3 });
    expect(failed.said).toContain("it ended with 1: Error: no such flag");
    await expectRelease();
  }, 60_000);

  test("has none without helm: the records are read from the cluster, which it says", async () => {
    server.remove("/usr/local/bin/helm");
    const { said } = await backedUp(server);
    expect(said).toContain(
      "helm is not on PATH; release records were read from the cluster itself",
    );
    await expectRelease();
  }, 60_000);

  test("names a release whose record cannot be decoded", async () => {
    const broken = `apiVersion: v1
kind: Secret
metadata:
  name: sh.helm.release.v1.broken.v1
  namespace: shop
  labels: {owner: helm, name: broken, status: deployed, version: "1"}
type: helm.sh/release.v1
data: {release: bm90IGEgcmVsZWFzZQ==}
`;
    server.write("/root/broken.yaml", broken);
    await server.kubectl("apply", "-f", "/root/broken.yaml");
    try {
      const result = await server.run(`${PROGRAM} backup --json`);
      expect(result.exitCode).toBe(3);
      expect(result.stderr).toMatch(
        /^warning: the record of helm release shop\/broken revision 1 /m,
      );
      expect(result.stderr).toContain(", 1 part missing\n");
      const given: unknown = JSON.parse(result.stdout);
      expect(given).toMatchObject({ exit_code: 3, gaps: [{ code: "HELM_RELEASE_UNREADABLE" }] });
      await expectRelease();
    } finally {
      await server.kubectl("delete", "-f", "/root/broken.yaml");
    }
  }, 60_000);

  test("says which kubeconfig is missing and how it comes back; the archive still verifies", async () => {
    await server.must(`mv ${KUBECONFIG} /root/k3s.yaml`);
    try {
      const { said, path } = await backedUp(server, "", { exit: 3 });
      expect(said).toContain(
        `warning: there is no kubeconfig at ${KUBECONFIG}\n  k3s writes it at each start`,
      );
      expect((await server.run(`${PROGRAM} verify ${path}`)).exitCode).toBe(0);
      expect(await archivesOn(server)).toHaveLength(2);
    } finally {
      await server.must(`mv /root/k3s.yaml ${KUBECONFIG}`);
    }
  }, 60_000);
});
