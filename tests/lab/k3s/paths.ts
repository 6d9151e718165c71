/** Where everything lies under a data dir (transcript 01-tree). */

export type Paths = ReturnType<typeof pathsOf>;

export function pathsOf(dataDir: string) {
  const server = `${dataDir}/server`;
  const tls = `${server}/tls`;
  const cred = `${server}/cred`;
  const db = `${server}/db`;
  return {
    dataDir,
    server,
    tls,
    cred,
    db,
    agent: `${dataDir}/agent`,
    etc: `${server}/etc`,
    manifests: `${server}/manifests`,
    token: `${server}/token`,
    nodeToken: `${server}/node-token`,
    agentToken: `${server}/agent-token`,
    passwd: `${cred}/passwd`,
    ipsec: `${cred}/ipsec.psk`,
    encryptionConfig: `${cred}/encryption-config.json`,
    encryptionState: `${cred}/encryption-state.json`,
    etcd: `${db}/etcd`,
    etcdCopy: `${db}/etcd-tmp`,
    snapshots: `${db}/snapshots`,
    resetFlag: `${db}/reset-flag`,
    sqlite: `${db}/state.db`,
    kineSocket: `${server}/kine.sock`,
    serverCa: `${tls}/server-ca.crt`,
    clientCa: `${tls}/client-ca.crt`,
    adminCrt: `${tls}/client-admin.crt`,
    adminKey: `${tls}/client-admin.key`,
    etcdCa: `${tls}/etcd/server-ca.crt`,
    etcdClientCrt: `${tls}/etcd/client.crt`,
    etcdClientKey: `${tls}/etcd/client.key`,
  };
}

/** Root's default data dir; anyone else gets one in their home (k3s.md 1.3). */
export function defaultDataDir(): string {
  if (process.getuid?.() === 0) return "/var/lib/rancher/k3s";
  return `${process.env["HOME"] ?? ""}/.rancher/k3s`;
}
