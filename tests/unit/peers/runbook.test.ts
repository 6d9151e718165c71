import { describe, expect, test } from "bun:test";
import { joinOthers, stopOthers } from "../../../src/app/runbook-peers.ts";

const HOST = {
  hostname: "s2",
  nodeName: "s2",
  dataDir: "/var/lib/rancher/k3s",
  addresses: ["10.0.0.2", "10.42.0.0"],
  architecture: "x64",
};
const member = (number: number) => ({
  name: `s${number}-0a1b2c3${number}`,
  peerUrls: [`https://10.0.0.${number}:2380`],
});
const datastore = (members: ReturnType<typeof member>[]) => ({
  kind: "etcd" as const,
  entry: "k3s/etcd.snapshot",
  revision: 1,
  keys: 1,
  members,
});

describe("the runbook of a server among several", () => {
  const manifest = { host: HOST, datastore: datastore([member(1), member(2), member(3)]) };
  test("stops every other server first, by address, and not this one", () => {
    const text = stopOthers(manifest);
    expect(text).toContain("ssh root@10.0.0.1 systemctl disable --now k3s     # s1");
    expect(text).toContain("ssh root@10.0.0.3 systemctl disable --now k3s     # s3");
    expect(text).not.toContain("10.0.0.2");
  });

  test("brings them back to this one's address, with server: and token", () => {
    const text = joinOthers(manifest, { httpsPort: 6443 });
    expect(text).toContain("restore --peer https://10.0.0.2:6443");
    expect(text).toContain("`server: https://10.0.0.2:6443`");
    // Stopped for the next boot too, it has to be enabled again.
    expect(text).toContain("systemctl enable --now k3s\n");
    expect(text).toContain("mv /var/lib/rancher/k3s/server/db/etcd ");
    // Blocks of the runbook are run as they stand on this server; these are for others.
    expect(text).not.toContain("```sh");
  });

  test("to the port that this one's K3s listens on", () => {
    const text = joinOthers(manifest, { httpsPort: 7443 });
    expect(text).toContain("restore --peer https://10.0.0.2:7443`");
    expect(text).toContain("`server: https://10.0.0.2:7443`");
    expect(text).not.toContain("6443");
  });

  test("says nothing of others where there are none", () => {
    const single = { host: HOST, datastore: datastore([member(2)]) };
    expect(stopOthers(single) + joinOthers(single, { httpsPort: 6443 })).toBe("");
  });
});
