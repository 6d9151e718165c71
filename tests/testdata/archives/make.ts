/**
 * Makes the archive that stands for format 1 for ever: every later release must
 * read it. Run it only while no release has been made; afterwards add a file for
 * the new format instead.
 *
 *   node_modules/.bin/bun tests/testdata/archives/make.ts
 *
 * The keys beside it and in it are thrown away with the cluster that never was.
 */
import { writeFileSync } from "node:fs";
import { generateIdentity } from "age-encryption";
import { recipientOf } from "../../../src/archive/age.ts";
import { generateSigningKey, signManifest } from "../../../src/archive/signature.ts";
import { archiveStream } from "../../../src/archive/writer.ts";
import { collect, makeTestContent } from "../../helpers/archive.ts";
import type { Manifest } from "../../../src/archive/manifest.ts";
import type { TestFile } from "../../helpers/archive.ts";

/** One of each kind, with every optional field somewhere. */
const files: readonly TestFile[] = [
  {
    path: "config/config.yaml",
    kind: "config",
    bytes: "cluster-init: true\n",
    source: "/etc/rancher/k3s/config.yaml",
  },
  { path: "helm/default/web/values.yaml", kind: "helm", bytes: "replicas: 2\n" },
  { path: "helm-charts/traefik.yaml", kind: "helm-chart", bytes: "kind: HelmChart\n" },
  {
    path: "kubeconfig",
    kind: "kubeconfig",
    bytes: "kind: Config\n",
    source: "/etc/rancher/k3s/k3s.yaml",
  },
  {
    path: "manifests/own.yaml",
    kind: "manifest",
    bytes: "kind: List\n",
    source: "/var/lib/rancher/k3s/server/manifests/own.yaml",
  },
  {
    path: "node/password",
    kind: "node-password",
    bytes: "0123456789abcdef\n",
    source: "/etc/rancher/node/password",
  },
  {
    path: "server/agent-token",
    kind: "agent-token",
    bytes: "agent\n",
    source: "/var/lib/rancher/k3s/server/agent-token",
  },
  {
    path: "unit/k3s.service",
    kind: "unit",
    bytes: "[Service]\n",
    mode: 0o644,
    source: "/etc/systemd/system/k3s.service",
  },
  { path: `unit/${"long-name-".repeat(20)}.conf`, kind: "unit", bytes: "[Unit]\n", mode: 0o644 },
];

const identity = await generateIdentity();
const recipient = await recipientOf(identity);
const content = await makeTestContent({ files });
const full: Manifest = {
  ...content.manifest,
  k3s: {
    version: "v1.36.2+k3s1",
    kubernetes: "v1.36.2",
    etcd: "3.7.0",
    binarySha256: "0".repeat(64),
  },
  datastore: { ...content.manifest.datastore, storageVersion: "3.7.0" },
  entries: content.manifest.entries.map((entry) => ({ ...entry, uid: 0, gid: 0 })),
  helm: [
    {
      namespace: "default",
      name: "web",
      revision: 3,
      status: "deployed",
      chart: "web",
      chartVersion: "1.2.3",
      appVersion: "4.5",
    },
    {
      namespace: "db",
      name: "db",
      revision: 1,
      status: "failed",
      chart: "db",
      chartVersion: "0.1.0",
    },
  ],
  recipients: [recipient],
  previous: {
    name: "railiance-cluster_prod_s1_20261122T023107Z_00000001.tar.zst.age",
    sha256: "1".repeat(64),
  },
  gaps: [{ code: "HELM_RELEASE_UNREADABLE", message: "helm release x/y could not be read" }],
};
const manifest = await signManifest(full, await generateSigningKey());
const stream = await archiveStream({ ...content, manifest, recipients: [recipient] });
writeFileSync(`${import.meta.dirname}/format-1.tar.zst.age`, await collect(stream));
writeFileSync(
  `${import.meta.dirname}/format-1.key.txt`,
  `# a test key, protects nothing\n${identity}\n`,
);
