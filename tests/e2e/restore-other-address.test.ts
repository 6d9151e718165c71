/** A host with another address and another name takes the place of the old one. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { skipWithoutLab, startBareServer } from "../lab/server.ts";
import { expectRefusal, leftovers, restore, signalledAt } from "./restore-host.ts";
import { FROM_USB, expectBack, plugIn, savedFrom, wipeHost } from "./usb.ts";
import type { BareServer } from "../lab/server.ts";
import type { Saved } from "./usb.ts";

const CONFIG = "/etc/rancher/k3s/config.yaml";
const DROP_IN = `${CONFIG}.d/90-railiance-restore.yaml`;
const EDIT = "--edit-address 10.99.0.1=10.99.0.5";
const ADDRESSES = `# the way in
node-ip: 10.99.0.1 # this server
advertise-address: "10.99.0.1"
tls-san:
  - k3s.example
  - 10.99.0.1
  - 10.99.0.10
`;

describe.skipIf(skipWithoutLab())("a restore on a host with another address and name", () => {
  let host: BareServer;
  let saved: Saved;

  beforeAll(async () => {
    saved = await savedFrom({ fresh: true, config: ADDRESSES });
    host = await startBareServer({
      cluster: false,
      helm: false,
      name: "s9",
      address: "10.99.0.5",
    });
  }, 180_000);
  afterAll(() => host[Symbol.asyncDispose]());
  afterEach(async () => {
    expect(await leftovers(host)).toBe("");
    await wipeHost(host);
  }, 60_000);

  test("the plan names each setting that will not fit, and the edit; without it nothing is touched", async () => {
    plugIn(host, saved);
    host.remove("/etc/rancher");
    const { exitCode, stdout } = await restore(host, `--plan ${FROM_USB}`);
    expect(exitCode).toBe(0);
    const edit = "--edit-address 10.99.0.1=10.99.0.5 makes it";
    for (const text of [
      `${CONFIG}: node-ip: 10.99.0.1 (10.99.0.1 is no address of this host, and K3s cannot start with it)`,
      `${edit} node-ip: 10.99.0.5`,
      `${CONFIG}: advertise-address: 10.99.0.1`,
      `${CONFIG}: tls-san: 10.99.0.1`,
      `${edit} tls-san: 10.99.0.5`,
      "kubectl config set-cluster default --server=https://10.99.0.5:6443",
      "s1 is kept although this host is s9",
      `${DROP_IN}: node-name: s1`,
    ]) {
      expect(stdout).toContain(text);
    }
    expect(stdout).not.toContain("tls-san: 10.99.0.10 (");
    // A drop-in of this host's own, which K3s will read as well.
    host.write(`${CONFIG}.d/port.yaml`, "https-listen-port: 7443\n");
    const other = await restore(host, `--plan ${FROM_USB}`);
    host.remove("/etc/rancher");
    expect(other.stdout).toContain("set-cluster default --server=https://10.99.0.5:7443");
    expectRefusal(await restore(host, `--yes ${FROM_USB}`), {
      exit: 5,
      says: `node-ip: 10.99.0.1 in ${CONFIG}`,
      hint: `nothing was changed; this again with ${EDIT}`,
    });
    expect(host.exists("/etc/rancher")).toBe(false);
  }, 120_000);

  test("what cannot work is refused before anything is touched: a flag that wins, a program elsewhere, an edit of nothing", async () => {
    plugIn(host, saved);
    host.remove("/etc/rancher");
    const refused = async (flags: string) =>
      (await restore(host, `--yes ${flags} ${FROM_USB}`)).stderr;
    expect(await refused("--edit-address 10.99.0.77=10.99.0.5")).toContain(
      "--edit-address 10.99.0.77=10.99.0.5 changes nothing",
    );
    const flags = "/etc/systemd/system/k3s.service.d/flags.conf";
    host.write(
      flags,
      "[Service]\nExecStart=\nExecStart=/usr/local/bin/k3s server --data-dir=/srv/other\n",
    );
    const fixed = await refused(EDIT);
    host.remove(flags);
    expect(fixed).toContain("needs data-dir: /var/lib/rancher/k3s");
    await host.must("mv /usr/local/bin/k3s /usr/bin/k3s; mv /etc/systemd/system/k3s.service /root");
    const moved = await refused(EDIT);
    await host.must("mv /usr/bin/k3s /usr/local/bin/k3s; mv /root/k3s.service /etc/systemd/system");
    expect(moved).toContain("k3s.service starts /usr/local/bin/k3s, and there is no such program");
    expect(host.exists("/etc/rancher")).toBe(false);
  }, 60_000);

  test("with the edit it comes up on the new address, as the node it was; only those values were edited", async () => {
    plugIn(host, saved);
    const result = await restore(host, `--yes --json ${EDIT} ${FROM_USB}`);
    expect({ exit: result.exitCode, stderr: result.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("same CA"),
    });
    expect(JSON.parse(result.stdout)).toMatchObject({
      node_name: "s1",
      misfits: [],
      edited: [{ key: "node-ip" }, { key: "advertise-address" }, { key: "tls-san" }],
      added: [{ file: DROP_IN, key: "node-name", value: "s1" }],
    });
    expect(host.read(CONFIG)).toBe(
      `cluster-init: true\n${ADDRESSES.replace(/10\.99\.0\.1(?!0)/g, "10.99.0.5")}`,
    );
    expect((await host.must(`stat -c %a ${CONFIG} ${DROP_IN}`)).trim()).toBe("600\n600");
    await expectBack(host, saved);
    const address = 'jsonpath={.status.addresses[?(@.type=="InternalIP")].address}';
    expect(await host.kubectl("get", "node", "s1", "-o", address)).toBe("10.99.0.5");
  }, 120_000);

  test("a run that is cut after the edit goes on with it, and going back takes it away again", async () => {
    plugIn(host, saved);
    host.write(CONFIG, "# of this host\n");
    const killed = await signalledAt(host, "reset", {
      signal: "KILL",
      flags: `--yes ${EDIT} ${FROM_USB}`,
    });
    expect(killed.exitCode).not.toBe(0);
    const undone = await restore(host, "--rollback");
    expect({ exit: undone.exitCode, stderr: undone.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("as it was before"),
    });
    expect(host.read(CONFIG)).toBe("# of this host\n");
    expect(host.exists(DROP_IN)).toBe(false);
    await signalledAt(host, "files", { signal: "KILL", flags: `--yes ${EDIT} ${FROM_USB}` });
    const resumed = await restore(host, "--resume");
    expect({ exit: resumed.exitCode, stderr: resumed.stderr }).toEqual({
      exit: 0,
      stderr: expect.stringContaining("same CA"),
    });
    expect(host.read(CONFIG)).toContain("node-ip: 10.99.0.5");
    expect(host.read(DROP_IN)).toContain("node-name: s1");
    await expectBack(host, saved);
  }, 180_000);
});
