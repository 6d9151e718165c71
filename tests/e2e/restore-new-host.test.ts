/** A host that was reinstalled gets its cluster back: objects, keys, node password, tokens, encryption. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import {
  DATA,
  authorityOf,
  expectRefusal,
  isActive,
  leftovers,
  objectsOf,
  restore,
  signalledAt,
} from "./restore-host.ts";
import { FROM_USB, expectBack, plugIn, savedFrom, wipeHost } from "./usb.ts";
import type { BareServer } from "../lab/server.ts";
import type { Saved } from "./usb.ts";

const UNIT = "/etc/systemd/system/k3s.service";

describe.skipIf(skipWithoutLab())("a restore to a reinstalled host", () => {
  let host: BareServer;
  let saved: Saved;

  beforeAll(async () => {
    saved = await savedFrom({});
    host = await startBareServer({ cluster: false, helm: false });
  }, 180_000);
  afterAll(() => host[Symbol.asyncDispose]());
  afterEach(async () => {
    expect(await leftovers(host)).toBe("");
    await wipeHost(host);
  }, 60_000);

  test("with K3s and its unit only, and without network, it gets everything back", async () => {
    plugIn(host, saved);
    host.remove("/etc/rancher");
    const planned = await restore(host, `--plan ${FROM_USB}`);
    expect(planned.stdout).toContain("none here yet");
    expect(host.exists("/etc/rancher")).toBe(false);
    const result = await restore(host, `--yes ${FROM_USB}`);
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("same CA"),
    });
    await expectBack(host, saved);
    expect((await host.must("stat -c %a /etc/rancher /etc/rancher/k3s")).trim()).toBe("755\n755");
  }, 120_000);

  test("what only this host sets is named in the plan, stays, and is in force afterwards", async () => {
    plugIn(host, saved);
    const dropIn = "/etc/rancher/k3s/config.yaml.d/here.yaml";
    host.write(dropIn, "node-label: [place=here]\n");
    host.write("/etc/default/k3s", "# nothing is set here\n");
    const planned = await restore(host, `--plan ${FROM_USB}`);
    expect(planned.exitCode).toBe(0);
    expect(planned.stdout).toContain(`stays too      ${dropIn}: this host's own`);
    expect(planned.stdout).not.toContain("/etc/default/k3s");
    const result = await restore(host, `--yes --json ${FROM_USB}`);
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("same CA"),
    });
    const { warnings } = JSON.parse(result.stdout) as { warnings: { code: string }[] };
    expect(warnings.map(({ code }) => code)).toContain("OWN_SETTINGS");
    expect(host.read(dropIn)).toBe("node-label: [place=here]\n");
    host.remove("/etc/default/k3s");
    await expectBack(host, saved);
  }, 120_000);

  test("without even the unit: it comes from the archive and is enabled; going back takes it away again", async () => {
    plugIn(host, saved);
    const unit = host.read(UNIT);
    await host.must(`systemctl disable k3s 2>/dev/null; rm ${UNIT}; systemctl daemon-reload`);
    const undone = await signalledAt(host, "check", {
      signal: "TERM",
      flags: `--yes ${FROM_USB}`,
    });
    expectRefusal(undone, {
      exit: 143,
      says: /stopped by SIGTERM while .*; everything is as it was before$/,
    });
    expect(await leftovers(host)).toBe("");
    expect(host.exists(UNIT)).toBe(false);
    expect((await host.must("find /etc/systemd/system -name 'k3s.service'")).trim()).toBe("");
    expect((await host.run("pgrep -f '[k]3s server'")).stdout).toBe("");
    expect((await host.must(`ls -A ${DATA}/server/db | grep -v etcd-old || true`)).trim()).toBe("");
    const result = await restore(host, `--yes ${FROM_USB}`);
    expect(result.exitCode).toBe(0);
    expect(host.read(UNIT)).toBe(unit);
    expect((await host.must("systemctl is-enabled k3s")).trim()).toBe("enabled");
    await expectBack(host, saved);
    await host.cut();
    await host.boot();
    await host.must("systemctl start k3s", { timeout: 60_000 });
    expect(await objectsOf(host)).toBe(saved.objects);
  }, 180_000);

  test("a plain start had already made an empty SQLite cluster: refused, and taken with --force", async () => {
    plugIn(host, saved);
    host.write("/etc/rancher/k3s/config.yaml", "");
    await host.startCluster();
    expect(host.exists(`${DATA}/server/db/state.db`)).toBe(true);
    const other = await authorityOf(host);
    expectRefusal(await restore(host, `--yes ${FROM_USB}`), {
      exit: 10,
      says: "this host belongs to another cluster",
      hint: "--force",
    });
    expect(await isActive(host)).toBe(true);
    expect(await authorityOf(host)).toBe(other);
    // It fails at the end: the SQLite cluster runs again, with its own keys and configuration.
    const undone = await signalledAt(host, "check", {
      signal: "TERM",
      flags: `--yes --force ${FROM_USB}`,
    });
    expectRefusal(undone, { exit: 143, says: "what ran before runs again" });
    expect(await authorityOf(host)).toBe(other);
    expect(host.read("/etc/rancher/k3s/config.yaml")).toBe("");
    expect(host.exists(`${DATA}/server/db/state.db`)).toBe(true);
    const result = await restore(host, `--yes --force ${FROM_USB}`);
    expect(result.exitCode).toBe(0);
    expect(host.exists(`${DATA}/server/db/state.db`)).toBe(false);
    await expectBack(host, saved);
  }, 180_000);

  test("agent token, secrets encryption and token: from the configuration come back, and so do old secrets", async () => {
    const special = await savedFrom({
      fresh: true,
      config: "token: from-the-configuration\nagent-token: for-agents\nsecrets-encryption: true\n",
    });
    plugIn(host, special);
    const result = await restore(host, `--yes ${FROM_USB}`);
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("same CA"),
    });
    expect(result.stderr).not.toMatch(/from-the-configuration|for-agents/);
    await expectBack(host, special);
    const secret = await host.kubectl("get", "secret", "password", "-o", "jsonpath={.data.value}");
    expect(Buffer.from(secret, "base64").toString()).toBe("hunter2");
    expect(host.read(`${DATA}/server/agent-token`)).toContain("for-agents");
    expect(host.read(`${DATA}/server/cred/passwd`)).toContain("for-agents,node,");
  }, 240_000);

  test("token-file: in the configuration, and server: of a peer that is gone, do not stand in the way", async () => {
    const special = await savedFrom(
      { fresh: true, config: "token: another-one\n" },
      `echo another-one > /etc/rancher/k3s/token && chmod 600 /etc/rancher/k3s/token
       printf 'cluster-init: true\\ntoken-file: /etc/rancher/k3s/token\\n' > /etc/rancher/k3s/config.yaml
       mkdir -p /etc/rancher/k3s/config.yaml.d
       echo 'server: https://10.99.0.9:6443' > /etc/rancher/k3s/config.yaml.d/peer.yaml`,
    );
    plugIn(host, special);
    const result = await restore(host, `--yes ${FROM_USB}`);
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("same CA"),
    });
    expect(host.read("/etc/rancher/k3s/config.yaml.d/peer.yaml")).toContain("10.99.0.9");
    expect((await host.must("stat -c %a /etc/rancher/k3s/token")).trim()).toBe("600");
    await expectBack(host, special);
  }, 240_000);
});
