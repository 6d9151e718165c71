/** A machine with K3s's program and ours, and nothing else: everything comes from the archive, or out of its datastore. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { examine } from "./doctor-host.ts";
import { DATA, leftovers, restore } from "./restore-host.ts";
import { FROM_USB, expectBack, plugIn, savedFrom, savedWithFlags, wipeHost } from "./usb.ts";
import type { BareServer } from "../lab/server.ts";

const DROP_IN = "/etc/rancher/k3s/config.yaml.d/90-railiance-restore.yaml";
const AGENT_TOKEN = "/etc/rancher/k3s/railiance/agent-token";
const ELSEWHERE = "/srv/k3s";

describe.skipIf(skipWithoutLab())("a restore on a machine with K3s's program alone", () => {
  let host: BareServer;

  beforeAll(async () => {
    host = await startBareServer({ cluster: false, helm: false });
  }, 60_000);
  afterAll(() => host[Symbol.asyncDispose]());
  afterEach(async () => {
    expect(await leftovers(host)).toBe("");
    await wipeHost(host);
    await host.run(
      `systemctl disable k3s; rm -rf ${ELSEWHERE} /etc/systemd/system/k3s.service*; systemctl daemon-reload`,
    );
  }, 60_000);

  async function emptied(): Promise<void> {
    await host.run(
      "rm -rf /etc/rancher /etc/systemd/system/k3s.service* /var/lib/rancher; systemctl daemon-reload",
    );
  }

  async function expectRestored(): Promise<string> {
    const result = await restore(host, `--yes ${FROM_USB}`);
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("same CA"),
    });
    expect(result.stderr).not.toMatch(/for-agents|added-later/);
    return result.stderr;
  }

  test("agent token and secrets encryption that stood on a command line only are taken out of the datastore", async () => {
    const saved = await savedWithFlags(
      { fresh: true },
      "--agent-token=for-agents --secrets-encryption --secrets-encryption-provider=secretbox",
    );
    await emptied();
    plugIn(host, saved);
    const said = await expectRestored();
    for (const key of ["agent-token-file", "secrets-encryption", "secrets-encryption-provider"]) {
      expect(said).toContain(`${DROP_IN}: ${key}: `);
    }
    await expectBack(host, saved);
    expect((await host.must(`stat -c %a ${AGENT_TOKEN} /etc/rancher/k3s/railiance`)).trim()).toBe(
      "600\n700",
    );
    expect(host.read(AGENT_TOKEN)).toBe("for-agents\n");
    expect(host.read(`${DATA}/server/cred/passwd`)).toContain("for-agents,node,");
    const secret = await host.kubectl("get", "secret", "password", "-o", "jsonpath={.data.value}");
    expect(Buffer.from(secret, "base64").toString()).toBe("hunter2");
  }, 240_000);

  test("an agent token that is a flag of the unit comes back with the unit", async () => {
    const saved = await savedFrom(
      { fresh: true },
      `mkdir -p /etc/systemd/system/k3s.service.d
       printf '[Service]\\nExecStart=\\nExecStart=/usr/local/bin/k3s server --agent-token=for-agents\\n' > /etc/systemd/system/k3s.service.d/flags.conf
       systemctl stop k3s; rm -rf ${DATA}; systemctl daemon-reload; systemctl start k3s
       for attempt in $(seq 100); do k3s kubectl get configmap/kube-root-ca.crt serviceaccount/default && break; sleep 0.1; done
       k3s kubectl create configmap again`,
    );
    await emptied();
    plugIn(host, saved);
    const said = await expectRestored();
    expect(said).not.toContain(DROP_IN);
    expect(said).not.toContain("another token");
    expect(said).not.toContain("for newer");
    expect(host.read(`${DATA}/server/cred/passwd`)).toContain("for-agents,node,");
    await host.must("systemctl restart k3s", { timeout: 60_000 });
    expect(await host.kubectl("get", "configmap", "again", "-o", "name")).toBe("configmap/again\n");
  }, 240_000);

  test("an agent token that was put into the configuration of a running cluster stands in nobody's way", async () => {
    const saved = await savedFrom(
      {},
      "echo 'agent-token: added-later' >> /etc/rancher/k3s/config.yaml",
    );
    await emptied();
    plugIn(host, saved);
    const said = await expectRestored();
    expect(said).not.toContain("for newer");
    expect(said).toContain("another token than its database has");
    expect(host.read(`${DATA}/server/agent-token`)).toContain("added-later");
  }, 240_000);

  test("a file that K3s takes for newer than the restored database is moved aside, and K3s started again", async () => {
    const saved = await savedFrom({});
    plugIn(host, saved);
    host.write("/root/once", "");
    host.write(
      "/etc/systemd/system/k3s.service.d/meddle.conf",
      `[Service]\nExecStartPre=/bin/sh -c 'if rm /root/once; then sleep 4; echo "else,node,node,k3s:agent" > ${DATA}/server/cred/passwd; fi; true'\n`,
      0o644,
    );
    const said = await expectRestored();
    expect(said).toContain(`K3s took ${DATA}/server/cred/passwd for newer`);
    expect((await host.must(`cat ${DATA}/server/newer-than-database-*/passwd`)).trim()).toBe(
      "else,node,node,k3s:agent",
    );
    await expectBack(host, saved);
    const kept = (await examine(host)).removable.find(({ path }) => path.includes("newer-than"));
    expect(kept?.path).toMatch(/\/server\/newer-than-database-\d{8}T\d{9}Z-\d{8}T\d{6}Z$/);
    expect(kept?.restored_from).toContain("railiance-cluster_");
  }, 240_000);

  test("SQLite in another data folder, which its configuration names, comes back there", async () => {
    const saved = await savedWithFlags(
      { datastore: "sqlite", config: `data-dir: ${ELSEWHERE}\n` },
      "",
      ELSEWHERE,
    );
    await emptied();
    plugIn(host, saved);
    await expectRestored();
    await expectBack(host, saved, ELSEWHERE);
    expect(host.exists(DROP_IN)).toBe(false);
    expect(host.exists(`${ELSEWHERE}/server/db/state.db`)).toBe(true);
    expect(host.exists(`${DATA}/server/db`)).toBe(false);
  }, 240_000);

  test("etcd in another data folder, named on a command line only, comes back there and stays", async () => {
    const saved = await savedWithFlags({}, `--data-dir ${ELSEWHERE}`, ELSEWHERE);
    await emptied();
    plugIn(host, saved);
    expect(await expectRestored()).toContain(`${DROP_IN}: data-dir: ${ELSEWHERE}`);
    await expectBack(host, saved, ELSEWHERE);
    expect(host.exists(`${DATA}/server/db`)).toBe(false);
    expect((await host.must("systemctl is-enabled k3s")).trim()).toBe("enabled");
  }, 240_000);
});
