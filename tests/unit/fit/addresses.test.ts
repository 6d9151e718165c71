/** Addresses in settings: found as whole words, exchanged in the right places and nowhere else. */
import { describe, expect, test } from "bun:test";
import { addressSettings, editAddresses } from "../../../src/k3s/address-settings.ts";
import { exchanged, mentions } from "../../../src/k3s/addresses.ts";
import type { AddressEdit } from "../../../src/k3s/address-settings.ts";

const EDIT: AddressEdit = { from: "10.0.0.1", to: "10.0.0.9" };

describe("mentions()", () => {
  test("finds an address as a whole word, in lists and URLs", () => {
    for (const value of [
      "10.0.0.1",
      "10.0.0.1,fd00::1",
      "https://10.0.0.1:6443",
      "listen-metrics-urls=http://127.0.0.1:2381,http://10.0.0.1:2381",
    ]) {
      expect([value, mentions(value, "10.0.0.1")]).toEqual([value, true]);
    }
  });

  test("does not find it inside a longer one", () => {
    for (const value of ["10.0.0.12", "110.0.0.1", "10.0.0.1.nip.io", "x-10.0.0.1", "10.0.0.1-x"]) {
      expect([value, mentions(value, "10.0.0.1")]).toEqual([value, false]);
    }
    expect(mentions("s10", "s1")).toBe(false);
    expect(mentions("s1.example", "s1")).toBe(false);
    expect(mentions("https://s1:6443", "s1")).toBe(true);
  });

  test("knows the spellings of an IPv6 address", () => {
    for (const value of ["fd00::1", "10.0.0.1,FD00:0:0::1", "https://[fd00::0001]:6443"]) {
      expect([value, mentions(value, "fd00::1")]).toEqual([value, true]);
    }
    expect(mentions("fd00::12", "fd00::1")).toBe(false);
    expect(mentions("https://[fd00::1:6443]", "fd00::1")).toBe(false);
  });

  test("a dot in an address stands for itself", () => {
    expect(mentions("10a0b0c1", "10.0.0.1")).toBe(false);
  });
});

describe("exchanged()", () => {
  test("puts the new one everywhere, and takes it as it is", () => {
    expect(exchanged("10.0.0.1,https://10.0.0.1:1", EDIT)).toBe("10.0.0.9,https://10.0.0.9:1");
    expect(exchanged("https://[fd00::1]:6443", { from: "fd00:0::1", to: "fd00::$&" })).toBe(
      "https://[fd00::$&]:6443",
    );
  });
});

function keysIn(text: string, kind: "config" | "unit" | "environment"): string[] {
  return addressSettings(text, kind).map(({ key, value }) => `${key} ${value}`);
}

describe("addressSettings()", () => {
  test("reads the keys of a configuration file, lists, aliases and component arguments", () => {
    const text = `# node-ip: 1.1.1.1
node-ip: 10.0.0.1
i: 10.0.0.2
tls-san+: [a.example, '10.0.0.1']
etcd-arg:
  - listen-metrics-urls=http://10.0.0.1:2381
token: 10.0.0.1
node-label: [at=10.0.0.1]
`;
    expect(keysIn(text, "config")).toEqual([
      "node-ip 10.0.0.1",
      "node-ip 10.0.0.2",
      "tls-san a.example",
      "tls-san 10.0.0.1",
      "etcd-arg listen-metrics-urls=http://10.0.0.1:2381",
    ]);
  });

  test("reads flags of a unit in every way they are written", () => {
    const text = `[Service]
Environment="K3S_URL=https://10.0.0.1:6443"
ExecStart=/usr/local/bin/k3s \\
    server \\
\t'--node-ip' \\
\t'10.0.0.1' \\
\t'--tls-san=10.0.0.2' \\
\t--bind-address 10.0.0.3 --advertise-address="10.0.0.4" --cluster-init --token 10.0.0.5
`;
    expect(keysIn(text, "unit")).toEqual([
      "node-ip 10.0.0.1",
      "tls-san 10.0.0.2",
      "bind-address 10.0.0.3",
      "advertise-address 10.0.0.4",
      "K3S_URL https://10.0.0.1:6443",
    ]);
  });

  test("reads an environment file, its comments left out", () => {
    expect(
      keysIn(
        "#K3S_URL=https://x\n# K3S_URL=https://y\nK3S_URL='https://10.0.0.1'\n",
        "environment",
      ),
    ).toEqual(["K3S_URL https://10.0.0.1"]);
  });

  test("gives nothing for YAML that is broken", () => {
    expect(keysIn("node-ip: [10.0.0.1", "config")).toEqual([]);
  });
});

describe("editAddresses()", () => {
  test("edits those settings alone; comments, quotes and layout stay", () => {
    const text = `# 10.0.0.1 is the way in
node-ip:   "10.0.0.1"   # was 10.0.0.1
tls-san: [10.0.0.1, 10.0.0.12]
token: 10.0.0.1
`;
    expect(editAddresses(text, "config", [EDIT])).toBe(`# 10.0.0.1 is the way in
node-ip:   "10.0.0.9"   # was 10.0.0.1
tls-san: [10.0.0.9, 10.0.0.12]
token: 10.0.0.1
`);
  });

  test("edits the flags and variables of a unit", () => {
    const text = `Environment=K3S_URL=https://10.0.0.1:6443 X=10.0.0.1
ExecStart=/usr/local/bin/k3s server '--node-ip' \\
  '10.0.0.1' --token 10.0.0.1
`;
    expect(editAddresses(text, "unit", [EDIT])).toBe(
      `Environment=K3S_URL=https://10.0.0.9:6443 X=10.0.0.1
ExecStart=/usr/local/bin/k3s server '--node-ip' \\
  '10.0.0.9' --token 10.0.0.1
`,
    );
  });

  test("makes several edits, each on what was there", () => {
    const edits = [EDIT, { from: "fd00::1", to: "fd00::9" }];
    expect(editAddresses("node-ip: 10.0.0.1,fd00::1\n", "config", edits)).toBe(
      "node-ip: 10.0.0.9,fd00::9\n",
    );
  });
});
