import { describe, expect, test } from "bun:test";
import { madeAnew, namedPaths } from "../../../src/assets/named-paths.ts";
import { testSettings } from "../../helpers/settings.ts";

const SERVER = "/var/lib/rancher/k3s/server";

function pathsOf(from: Parameters<typeof testSettings>[0]): string[] {
  return namedPaths(testSettings(from)).map(({ path }) => path);
}

describe("namedPaths()", () => {
  test("finds files named by configuration, by arguments of components and by flags", () => {
    const paths = pathsOf({
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
    expect(paths).toEqual([
      "/etc/k3s-audit.yaml",
      "/etc/kubelet.yaml",
      "/etc/railiance/token",
      "/etc/registries.yaml",
    ]);
  });

  test("finds the operator's own files in the data folder, as K3s's hardening guide puts them there", () => {
    const paths = pathsOf({
      config: {
        "kube-apiserver-arg": [
          `admission-control-config-file=${SERVER}/psa.yaml`,
          `audit-policy-file=${SERVER}/audit.yaml`,
          `audit-log-path=${SERVER}/logs/audit.log`,
          `oidc-ca-file+=${SERVER}/tls/oidc.pem`,
        ],
      },
    });
    expect(paths).toEqual([`${SERVER}/audit.yaml`, `${SERVER}/psa.yaml`, `${SERVER}/tls/oidc.pem`]);
  });

  test("leaves out K3s's own state and what it only writes to", () => {
    const paths = pathsOf({
      config: {
        "data-dir": ["/var/lib/rancher/k3s"],
        "write-kubeconfig": ["/root/.kube/config"],
        o: ["/root/.kube/other"],
        "token-file": [`${SERVER}/token`],
        "etcd-snapshot-dir": ["/mnt/snapshots"],
        "kube-apiserver-arg": [
          `kubelet-certificate-authority=${SERVER}/tls/server-ca.crt`,
          `encryption-provider-config=${SERVER}/cred/../cred/encryption-config.json`,
          `service-account-key-file=${SERVER}/tls/service.current.key`,
        ],
        "kubelet-arg": ["client-ca-file=/var/lib/rancher/k3s/agent/client-ca.crt"],
        "etcd-arg": [`data-dir=${SERVER}/db/etcd`],
      },
    });
    expect(paths).toEqual([]);
  });

  test("tells what K3s does not start without from outputs, optional files and labels", () => {
    const named = namedPaths(
      testSettings({
        config: {
          config: ["/etc/k3s.yaml"],
          "private-registry": ["/etc/registries.yaml"],
          "node-label": ["config=/label", "my-dir=/etc"],
          "kube-apiserver-arg": ["audit-policy-file=/needed/audit", "cert-dir=/written"],
          "kubelet-arg": [
            "config=/needed/kubelet",
            "config-dir=/needed/drop-ins",
            "pod-manifest-path=/pods",
            "root-dir=/var/lib/kubelet",
            "bootstrap-kubeconfig=/once",
          ],
        },
      }),
    );
    const needed = named.filter(({ neededBy }) => neededBy !== undefined);
    expect(needed.map(({ path, neededBy }) => [path, neededBy])).toEqual([
      ["/needed/audit", "audit-policy-file"],
      ["/needed/drop-ins", "config-dir"],
      ["/needed/kubelet", "config"],
    ]);
    expect(named.filter(({ folder }) => folder).map(({ path }) => path)).toEqual([
      "/needed/drop-ins",
      "/pods",
    ]);
  });
});

describe("madeAnew()", () => {
  test("names the folder of K3s's certificates or credentials that a path lies in", () => {
    expect(madeAnew(`${SERVER}/tls/oidc.pem`, "/var/lib/rancher/k3s")).toBe(`${SERVER}/tls`);
    expect(madeAnew(`${SERVER}/psa.yaml`, "/var/lib/rancher/k3s")).toBeUndefined();
    expect(madeAnew("/etc/server/tls/x", "/var/lib/rancher/k3s")).toBeUndefined();
  });
});
