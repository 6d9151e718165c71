/** What in an archive's configuration will not fit another host, and what to take instead. */
import { describe, expect, test } from "bun:test";
import { findMisfits, lostAddresses, otherMentions } from "../../../src/app/fit-addresses.ts";
import type { HostFacts, ThisHost } from "../../../src/app/fit-addresses.ts";

const OLD: HostFacts = { hostname: "s1", addresses: ["10.0.0.1", "fd00::1", "10.0.0.7"] };
const NOW: ThisHost = {
  hostname: "s9",
  addresses: ["10.0.0.7", "10.0.0.9", "10.42.0.1", "fd00::9"],
  reachable: ["10.0.0.7", "10.0.0.9", "fd00::9"],
  interfaces: ["lo", "cni0", "ens3"],
};

function misfits(text: string, now: ThisHost = NOW) {
  const files = [{ path: "/c", kind: "config" as const, text, restored: true }];
  return findMisfits(files, { old: OLD, now }).map(({ key, from, to, blocks }) => ({
    key,
    from,
    to,
    blocks,
  }));
}

describe("findMisfits()", () => {
  test("names an address of the old host, with the one that took its place, of the same family", () => {
    expect(misfits("node-ip: 10.0.0.1,10.0.0.7\ntls-san: ['fd00:0::1', x.example]\n")).toEqual([
      { key: "node-ip", from: "10.0.0.1", to: "10.0.0.9", blocks: true },
      { key: "tls-san", from: "fd00::1", to: "fd00::9", blocks: false },
    ]);
  });

  test("tells what keeps K3s from starting from what is only wrong", () => {
    const text = `bind-address: 10.0.0.1
advertise-address: 10.0.0.1
node-external-ip: 10.0.0.1
server: https://10.0.0.1:6443
etcd-arg: [listen-metrics-urls=http://10.0.0.1:2381, name=10.0.0.1]
`;
    expect(misfits(text).map(({ key, blocks }) => [key, blocks])).toEqual([
      ["bind-address", true],
      ["advertise-address", true],
      ["node-external-ip", false],
      ["server", false],
      ["etcd-arg", true],
      ["etcd-arg", false],
    ]);
  });

  test("names the old host name where it leads clients, also with a domain", () => {
    expect(
      misfits("tls-san: [s1, s1.example.com, s10, k3s.s1]\nserver: https://s1:6443\n"),
    ).toEqual([
      { key: "tls-san", from: "s1", to: "s9", blocks: false },
      { key: "tls-san", from: "s1.example.com", to: "s9.example.com", blocks: false },
      { key: "server", from: "s1", to: "s9", blocks: false },
    ]);
    expect(misfits("tls-san: s1\n", { ...NOW, hostname: "s1" })).toEqual([]);
  });

  test("names an interface that this host does not have", () => {
    expect(misfits("flannel-iface: eth0\n")).toEqual([
      { key: "flannel-iface", from: "eth0", to: "ens3", blocks: true },
    ]);
    expect(misfits("flannel-iface: ens3\n")).toEqual([]);
  });

  test("an address nobody has is named, and stops nothing: the old host lived with it too", () => {
    expect(misfits("node-ip: 192.0.2.1\nbind-address: 0.0.0.0\n")).toEqual([
      { key: "node-ip", from: "192.0.2.1", to: "10.0.0.9", blocks: false },
    ]);
  });

  test("says nothing of a host that kept its addresses", () => {
    const now = { ...NOW, addresses: [...OLD.addresses], hostname: "s1" };
    expect(misfits("node-ip: 10.0.0.1\ntls-san: [s1, 'FD00::0:1']\n", now)).toEqual([]);
  });

  test("has no address to offer when this host has none of that family", () => {
    const now = { ...NOW, reachable: ["10.0.0.9"] };
    expect(misfits("node-ip: fd00::1\n", now)[0]?.to).toBe(undefined);
  });
});

describe("lostAddresses()", () => {
  test("are those of the old host that this one has not, whatever the spelling", () => {
    expect(lostAddresses(OLD, { hostname: "s9", addresses: ["fd00:0:0::1", "10.0.0.7"] })).toEqual([
      "10.0.0.1",
    ]);
  });
});

describe("otherMentions()", () => {
  test("gives file and line, and no text: it may hold a secret", () => {
    const text = "mirrors:\n  x: {endpoint: https://u:p@10.0.0.1}\n";
    expect(otherMentions([{ path: "/r", text }], ["10.0.0.1"])).toEqual([
      { file: "/r", line: 2, address: "10.0.0.1" },
    ]);
  });
});
