import { describe, expect, test } from "bun:test";
import { referencedPaths } from "../../../src/assets/config.ts";
import { testSettings } from "../../helpers/settings.ts";

describe("referencedPaths()", () => {
  test("finds files named by configuration, by arguments of components and by flags", () => {
    const settings = testSettings({
      config: {
        "token-file": ["/etc/railiance/token"],
        "kube-apiserver-arg": [
          "audit-policy-file=/etc/k3s-audit.yaml",
          "audit-log-path=/var/log/audit.log",
          "oidc-issuer-url=https://id.example",
        ],
      },
      flags: [
        "--kubelet-arg",
        "config=/etc/kubelet.yaml",
        "--private-registry=/etc/registries.yaml",
      ],
    });
    expect(referencedPaths(settings)).toEqual([
      "/etc/k3s-audit.yaml",
      "/etc/kubelet.yaml",
      "/etc/railiance/token",
      "/etc/registries.yaml",
    ]);
  });

  test("leaves out what lies in the data folder and what K3s only writes to", () => {
    const settings = testSettings({
      config: {
        "data-dir": ["/var/lib/rancher/k3s"],
        "write-kubeconfig": ["/root/.kube/config"],
        "token-file": ["/var/lib/rancher/k3s/server/token"],
        "etcd-snapshot-dir": ["/mnt/snapshots"],
      },
    });
    expect(referencedPaths(settings)).toEqual([]);
  });
});
