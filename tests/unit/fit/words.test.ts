/** What does not fit, in sentences: commands that a person types, as they have to be typed. */
import { describe, expect, test } from "bun:test";
import { fitLines, fitWarnings, requireFit } from "../../../src/app/fit-words.ts";
import { makeTestArchive } from "../../helpers/archive.ts";
import { failureOf } from "../../helpers/errors.ts";
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
const MISFIT = {
  file: "/etc/rancher/k3s/config.yaml",
  key: "node-ip",
  value: "10.0.0.1",
  why: "is no address of this host, and K3s cannot start with it",
  blocks: true,
  from: "10.0.0.1",
  to: "10.0.0.9",
  restored: true,
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

describe("requireFit()", () => {
  test("asks for the edit beside what was typed: a command without archive and folder would take another archive", async () => {
    const failure = await failureOf(async () => requireFit({ ...FIT, misfits: [MISFIT] }));
    expect(failure.code).toBe("ADDRESS_UNFIT");
    expect(failure.hint).toBe(
      "nothing was changed; this again with --edit-address 10.0.0.1=10.0.0.9; when that address comes up later: --force",
    );
    const { manifest } = await makeTestArchive();
    const [warning] = fitWarnings({ ...FIT, misfits: [MISFIT] }, manifest).filter(
      ({ code }) => code === "ADDRESS_UNFIT",
    );
    expect(warning?.hint).not.toContain("railiance-cluster restore");
  });
});
