/** Every CA and leaf certificate of a server, made by the Go part `lab-pki`. */
import { chmodSync, copyFileSync } from "node:fs";
import { FrontError, log } from "./log.ts";
import { runPart } from "./parts.ts";
import type { Settings } from "./settings.ts";

interface Leaf {
  readonly crt: string;
  readonly key?: string;
  readonly authority: string;
  readonly name: string;
  readonly organizations?: readonly string[];
  readonly names?: readonly string[];
  readonly client?: boolean;
  readonly server?: boolean;
}

const CLUSTER_NAMES = [
  "kubernetes",
  "kubernetes.default",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
];

/**
 * Makes what is missing and re-issues what no longer fits its CA. Files that
 * exist and fit are left alone. Throws FrontError.
 */
export async function ensureCertificates(settings: Settings): Promise<void> {
  const { tls, agent } = settings.paths;
  const request = {
    Authorities: [
      "server-ca",
      "client-ca",
      "request-header-ca",
      "etcd/server-ca",
      "etcd/peer-ca",
    ].map((name) => ({
      Crt: `${tls}/${name}.crt`,
      Key: `${tls}/${name}.key`,
      Name: authorityName(name),
    })),
    RSAKeys: [`${tls}/service.key`],
    Leaves: leavesOf(settings).map((leaf) => {
      const inAgent = leaf.crt.startsWith("agent/");
      const base = inAgent ? `${agent}/${leaf.crt.slice(6)}` : `${tls}/${leaf.crt}`;
      return {
        Crt: `${base}.crt`,
        Key: leaf.key === undefined ? `${base}.key` : `${tls}/${leaf.key}`,
        AuthorityCrt: `${tls}/${leaf.authority}.crt`,
        AuthorityKey: `${tls}/${leaf.authority}.key`,
        Name: leaf.name,
        Organizations: leaf.organizations ?? [],
        Names: leaf.names ?? [],
        Client: leaf.client ?? false,
        Server: leaf.server ?? false,
        Mode: inAgent ? 0o600 : 0o644,
      };
    }),
  };
  const { exitCode, stdout, stderr } = await runPart("lab-pki", [], {
    input: JSON.stringify(request),
  });
  if (exitCode !== 0) throw new FrontError(`preparing server: ${stderr.trim()}`);
  for (const line of stdout.split("\n")) if (line !== "") logIssued(line);
  copyFileSync(`${tls}/service.key`, `${tls}/service.current.key`);
  for (const name of ["client-ca", "server-ca"]) {
    copyFileSync(`${tls}/${name}.crt`, `${tls}/${name}.nochain.crt`);
    copyFileSync(`${tls}/${name}.crt`, `${agent}/${name}.crt`);
    chmodSync(`${agent}/${name}.crt`, 0o600);
  }
}

function authorityName(path: string): string {
  return `k3s-${path}`.replace("k3s-etcd/", "etcd-");
}

function leavesOf(settings: Settings): Leaf[] {
  const { nodeName, nodeIp } = settings;
  const local = ["localhost", "127.0.0.1", nodeIp, nodeName];
  const serving = [
    ...CLUSTER_NAMES,
    ...local,
    "10.43.0.1",
    settings.apiHost,
    ...settings.flags.list("tls-san"),
  ];
  const masters = ["system:masters"];
  const client = (crt: string, name: string, organizations: readonly string[] = []): Leaf => ({
    crt,
    authority: "client-ca",
    name,
    organizations,
    client: true,
  });
  return [
    client("client-admin", "system:admin", masters),
    client("client-supervisor", "system:k3s-supervisor", masters),
    client("client-controller", "system:kube-controller-manager"),
    client("client-scheduler", "system:kube-scheduler"),
    client("client-k3s-cloud-controller", "k3s-cloud-controller-manager"),
    client("client-kube-apiserver", "system:apiserver", masters),
    client("agent/client-kubelet", `system:node:${nodeName}`, ["system:nodes"]),
    client("agent/client-kube-proxy", "system:kube-proxy"),
    client("agent/client-k3s-controller", "system:k3s-controller"),
    {
      crt: "client-auth-proxy",
      authority: "request-header-ca",
      name: "system:auth-proxy",
      client: true,
    },
    ...["kube-controller-manager", "kube-scheduler"].map((name) => ({
      crt: `${name}/${name}`,
      authority: "server-ca",
      name,
      names: ["localhost", "127.0.0.1"],
      server: true,
    })),
    {
      crt: "serving-kube-apiserver",
      authority: "server-ca",
      name: "kube-apiserver",
      names: serving,
      server: true,
    },
    {
      crt: "agent/serving-kubelet",
      authority: "server-ca",
      name: nodeName,
      names: local,
      server: true,
    },
    { crt: "etcd/client", authority: "etcd/server-ca", name: "etcd-client", client: true },
    {
      crt: "etcd/server-client",
      authority: "etcd/server-ca",
      name: "etcd-server",
      names: local,
      client: true,
      server: true,
    },
    {
      crt: "etcd/peer-server-client",
      authority: "etcd/peer-ca",
      name: "etcd-peer",
      names: local,
      client: true,
      server: true,
    },
  ];
}

function logIssued(line: string): void {
  const issued: unknown = JSON.parse(line);
  if (issued === null || typeof issued !== "object") return;
  const { subject, issuer, notBefore, notAfter } = Object.fromEntries(Object.entries(issued));
  log.info(
    `certificate ${String(subject)} signed by ${String(issuer)}: notBefore=${String(notBefore)} notAfter=${String(notAfter)}`,
  );
}
