/** Files of the operator in K3s's own data folder: those that the configuration names, and those its agent finds by itself. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { DATA, leftovers, restore } from "./restore-host.ts";
import { PROGRAM, giveKey, wipeCluster } from "./workload.ts";
import type { BareServer } from "../lab/server.ts";

const PSA = `${DATA}/server/psa.yaml`;
const AUDIT = `${DATA}/server/audit.yaml`;
const TEMPLATE = `${DATA}/agent/etc/containerd/config.toml.tmpl`;
const CONFIG = "/etc/rancher/k3s/config.yaml";

describe.skipIf(skipWithoutLab())("files of the operator in the data folder", () => {
  let server: BareServer;
  let archive = "";

  beforeAll(async () => {
    server = await startBareServer({ helm: false });
    await giveKey(server);
    server.write(
      PSA,
      "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins: []\n",
    );
    server.write(
      AUDIT,
      "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n  - level: Metadata\n",
      0o640,
    );
    server.write(TEMPLATE, '{{ template "base" . }}\n# ours\n');
    await server.must(
      `cat >> ${CONFIG} <<'END'
kube-apiserver-arg:
  - admission-control-config-file=${PSA}
  - audit-policy-file=${AUDIT}
  - audit-log-path=${DATA}/server/logs/audit.log
END
       chown 0:6 ${AUDIT}; mkdir -p ${DATA}/server/logs; systemctl restart k3s`,
      { timeout: 60_000 },
    );
    archive = (await server.must(`${PROGRAM} backup -q`)).trim();
  }, 120_000);
  afterAll(() => server[Symbol.asyncDispose]());

  test("come back into an empty data folder with mode and owner, and the API server starts with them", async () => {
    const psa = server.read(PSA);
    await wipeCluster(server);
    const result = await restore(server, `${archive} --yes`);
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("same CA"),
    });
    expect(server.read(PSA)).toBe(psa);
    expect(server.read(TEMPLATE)).toContain("# ours");
    expect((await server.must(`stat -c '%a %u:%g' ${PSA} ${AUDIT}`)).trim()).toBe(
      "600 0:0\n640 0:6",
    );
    const folders = await server.must(`stat -c '%a %n' ${DATA} ${DATA}/server ${DATA}/agent/etc`);
    expect(folders).toBe(`755 ${DATA}\n700 ${DATA}/server\n700 ${DATA}/agent/etc\n`);
    expect(server.read(`${DATA}/server/logs/audit.log`)).toContain('"level":"Metadata"');
    expect(await leftovers(server)).toBe("");
  }, 240_000);

  test("what had taken their place is kept when they come back", async () => {
    server.write(PSA, "kind: another\n");
    const result = await restore(server, `${archive} --yes`);
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("same CA"),
    });
    const kept = await server.must(`cat /var/lib/railiance/cluster/restore-*/before${PSA}`);
    expect(kept).toBe("kind: another\n");
    expect(server.read(PSA)).toContain("AdmissionConfiguration");
  }, 240_000);

  test("a backup without one that is gone is partial, and says which", async () => {
    await server.must(`mv ${AUDIT} /root/`);
    const result = await server.run(`${PROGRAM} backup -q`);
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 3,
      stderr: expect.stringContaining(`audit-policy-file names ${AUDIT}, and there is no such`),
    });
  }, 120_000);
});
