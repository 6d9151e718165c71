/**
 * Makes the archives in `0.1.0/` with the executable in dist/, on bare servers
 * of the lab. They stand for what the first release writes: see README.md. Refuses
 * to touch one that is there.
 *
 *   node_modules/.bin/bun tests/testdata/archives/make-0.1.0.ts
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "../../lab/server.ts";
import { backedUp } from "../../e2e/bad-backup.ts";
import { giveKey, helm, makeWorkload, stateOf, withoutTransient } from "../../e2e/workload.ts";
import type { BareServer } from "../../lab/server.ts";

const FOLDER = `${import.meta.dirname}/0.1.0`;

/** A HelmChartConfig, as an operator sets values of the Traefik that K3s brings. */
const CHART_CONFIG = `apiVersion: helm.cattle.io/v1
kind: HelmChartConfig
metadata: {name: traefik, namespace: kube-system}
spec:
  valuesContent: |-
    deployment: {replicas: 2}
`;

/** Its release cannot be decoded, so the archive has a gap. */
const BROKEN_RECORD = `apiVersion: v1
kind: Secret
metadata:
  name: sh.helm.release.v1.broken.v1
  namespace: shop
  labels: {owner: helm, name: broken, status: deployed, version: "1"}
type: helm.sh/release.v1
data: {release: bm90IGEgcmVsZWFzZQ==}
`;

async function sqlite(): Promise<void> {
  if (existsSync(`${FOLDER}/sqlite`)) return;
  await using server = await createServer({ datastore: "sqlite", fresh: true });
  await server.boot();
  await server.startCluster();
  const { secret } = await giveKey(server);
  await makeWorkload(server);
  await makeNoise(server);
  await keep("sqlite", { server, secret, exit: 0 });
}

async function everything(): Promise<void> {
  if (existsSync(`${FOLDER}/everything`)) return;
  await using server = await createServer({
    fresh: true,
    config: "agent-token: for-the-agents\nsecrets-encryption: true\ntls-san:\n  - k3s.example\n",
  });
  const files: Readonly<Record<string, string>> = {
    "/etc/rancher/k3s/config.yaml.d/10-labels.yaml": "node-label:\n  - zone=north\n",
    "/etc/rancher/k3s/registries.yaml": "mirrors: {docker.io: {endpoint: [https://hub.example]}}\n",
    "/etc/systemd/system/k3s.service.d/limits.conf": "[Service]\nLimitNOFILE=1048576\n",
    "/etc/systemd/system/k3s.service.env": "HTTP_PROXY_OF_NOBODY=none\n",
    "/var/lib/rancher/k3s/server/manifests/own.yaml":
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own, namespace: default}\n",
  };
  for (const [path, content] of Object.entries(files)) server.write(path, content);
  await server.boot();
  await server.startCluster();
  const { secret } = await giveKey(server);
  await makeWorkload(server);
  await makeNoise(server);
  for (const name of ["mail", "queue"]) {
    await helm(server, `install ${name} /root/chart -n ${name} --create-namespace`);
  }
  server.write("/root/objects.yaml", `${CHART_CONFIG}---\n${BROKEN_RECORD}`);
  await server.kubectl("apply", "-f", "/root/objects.yaml");
  await server.must(
    `for name in mail queue; do
       until k3s kubectl -n $name get serviceaccount/default configmap/kube-root-ca.crt; do sleep 0.2; done
     done`,
    { timeout: 60_000 },
  );
  await keep("everything", { server, secret, exit: 3 });
}

/** What does not compress, so that the archive has more than one or two encrypted chunks. */
async function makeNoise(server: BareServer): Promise<void> {
  for (let number = 1; number <= 5; number += 1) {
    await server.must(
      `head -c 50000 /dev/urandom > /root/noise && k3s kubectl create configmap noise-${number} --from-file=/root/noise`,
    );
  }
}

interface Made {
  readonly server: BareServer;
  readonly secret: string;
  /** Of the backup: 3 when it has gaps. */
  readonly exit: 0 | 3;
}

/** Writes down what the cluster is, backs it up, and keeps archive, key and that beside each other. */
async function keep(folder: string, { server, secret, exit }: Made): Promise<void> {
  const { uids, clientAuthority, helmList, helmValues } = await stateOf(server);
  const { path } = await backedUp(server, "", { exit });
  const into = `${FOLDER}/${folder}`;
  mkdirSync(into, { recursive: true });
  const name = path.slice(path.lastIndexOf("/") + 1);
  writeFileSync(`${into}/${name}`, server.readBytes(path));
  writeFileSync(`${into}/key.txt`, `# a test key, protects nothing\n${secret}\n`);
  const expected = {
    archive: name,
    uids: withoutTransient(uids),
    clientAuthority: clientAuthority.trim(),
    helmList: JSON.parse(helmList),
    helmValues: JSON.parse(helmValues),
    nodePassword: server.read("/etc/rancher/node/password").trim(),
  };
  writeFileSync(`${into}/expected.json`, `${JSON.stringify(expected, undefined, 2)}\n`);
}

await sqlite();
await everything();
