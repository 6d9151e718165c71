/** What does not fit, in sentences: commands that a person types, as they have to be typed. */
import { describe, expect, test } from "bun:test";
import { fitLines } from "../../../src/app/fit-words.ts";
import { makeTestArchive } from "../../helpers/archive.ts";
import type { HostFit } from "../../../src/app/host-fit.ts";

const FIT: HostFit = {
  files: [],
  edited: [],
  misfits: [],
  mentions: [],
  own: [],
  pins: [],
  dropIn: "/etc/rancher/k3s/config.yaml.d/zz-railiance-restore.yaml",
  otherAgentToken: false,
  lost: ["10.0.0.1"],
  now: {
    hostname: "s1",
    addresses: ["10.0.0.9", "fd00::9"],
    reachable: ["10.0.0.9"],
    interfaces: ["ens3"],
  },
  httpsPort: 6443,
  node: { name: "s1", isNew: false, hasId: false },
};

describe("fitLines()", () => {
  test("kubeconfigs and agents go to the new address, at the port that K3s listens on", async () => {
    const { manifest } = await makeTestArchive();
    const text = (port: number): string =>
      fitLines({ ...FIT, httpsPort: port }, manifest).join("\n");
    expect(text(6443)).toContain("--server=https://10.0.0.9:6443");
    expect(text(7443)).toContain(
      "kubectl config set-cluster default --server=https://10.0.0.9:7443",
    );
    expect(text(7443)).toContain("put https://10.0.0.9:7443 into K3S_URL or server:");
    expect(text(7443)).not.toContain("6443");
  });
});
