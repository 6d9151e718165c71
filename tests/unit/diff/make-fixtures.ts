/**
 * Makes the fixtures beside it from real clusters of the lab (root, `make lab-build` first):
 *
 *   node_modules/.bin/bun tests/unit/diff/make-fixtures.ts
 *
 * `older` and `newer`: snapshots of one cluster with secrets encryption (aescbc),
 * before and after objects were made, changed, deleted and made anew and a helm
 * release was upgraded. `kubectl.json.gz`: what kubectl said of every object, the
 * server token, and one Secret as a cluster with the provider secretbox stores it.
 * The clusters are gone; their keys and tokens are good for nothing else.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import * as v from "valibot";
import { startBareServer } from "../../lab/server.ts";
import type { BareServer } from "../../lab/server.ts";

const HERE = import.meta.dirname;
const SNAPSHOTS = "/var/lib/rancher/k3s/server/db/snapshots";
const CUSTOM = `apiVersion: stable.example.com/v1
kind: CronTab
metadata: { name: tab, namespace: shop, labels: { uid: not-this-one } }
spec: { uid: nor-this-one, image: cron }
---
apiVersion: stable.example.com/v1
kind: Planet
metadata: { name: mars }
`;
const CHART = `apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-mail}
data: {host: {{ .Values.host | quote }}}
`;

const listSchema = v.object({
  items: v.array(
    v.object({
      apiVersion: v.string(),
      kind: v.string(),
      metadata: v.object({
        name: v.string(),
        namespace: v.optional(v.string()),
        uid: v.optional(v.string()),
        resourceVersion: v.optional(v.string()),
        deletionTimestamp: v.optional(v.string()),
      }),
    }),
  ),
});

/** Metadata of every object of every kind that can be listed. */
async function objectsOf(server: BareServer) {
  const kinds = await server.kubectl("api-resources", "--verbs=list", "-o", "name");
  const names = kinds
    .trim()
    .split("\n")
    .filter((name) => !name.includes("metrics.k8s.io"));
  const text = await server.kubectl("get", names.join(","), "-A", "-o", "json");
  return v.parse(listSchema, JSON.parse(text)).items;
}

async function save(server: BareServer, name: string): Promise<void> {
  await server.must(`k3s etcd-snapshot save --name ${name}`);
  const file = (await server.must(`ls ${SNAPSHOTS}`))
    .trim()
    .split("\n")
    .find((one) => one.startsWith(name));
  const bytes = server.readBytes(`${SNAPSHOTS}/${file}`);
  writeFileSync(join(HERE, `${name}.snapshot.gz`), gzipSync(bytes, { level: 9 }));
}

function helm(server: BareServer, args: string): Promise<string> {
  return server.must(`KUBECONFIG=/etc/rancher/k3s/k3s.yaml helm ${args}`);
}

async function furnish(server: BareServer): Promise<void> {
  server.write("/root/objects.yaml", readFileSync(join(HERE, "objects.yaml")));
  server.write("/root/custom.yaml", CUSTOM);
  server.write("/root/chart/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
  server.write("/root/chart/values.yaml", "host: mx\n");
  server.write("/root/chart/templates/mail.yaml", CHART);
  const request = await server.must(
    "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=x 2>/dev/null | base64 -w0",
  );
  const text = server
    .read("/root/objects.yaml")
    .replace("request: REQUEST", `request: ${request.trim()}`);
  server.write("/root/objects.yaml", text);
  // The default ServiceAccount of a new namespace takes a moment; a pod needs it.
  const apply = "k3s kubectl apply -f /root/objects.yaml";
  await server.must(`${apply} || { sleep 3; ${apply}; }`, { timeout: 60_000 });
  await server.must("k3s kubectl wait --for=condition=Established crd --all --timeout=20s");
  await server.must("k3s kubectl apply -f /root/custom.yaml");
  await server.kubectl("delete", "pod", "leaving", "-n", "shop", "--wait=false");
  await helm(server, "install shop /root/chart -n shop");
}

async function change(server: BareServer): Promise<void> {
  const kube = (args: string): Promise<string> => server.must(`k3s kubectl -n shop ${args}`);
  await kube("create configmap made --from-literal=state=new");
  await kube('patch configmap changed --type=merge -p \'{"data":{"state":"two"}}\'');
  await kube("delete configmap deleted");
  await kube("delete configmap recreated");
  await kube("create configmap recreated");
  await kube("delete secret recreated");
  await kube("create secret generic recreated --from-literal=value=hunter4-never-shown");
  await helm(server, "upgrade shop /root/chart -n shop --set host=mx2");
}

async function main(): Promise<void> {
  await using server = await startBareServer({ fresh: true, config: "secrets-encryption: true\n" });
  await furnish(server);
  await server.must("sleep 3");
  const older = await objectsOf(server);
  await save(server, "older");
  await change(server);
  const newer = await objectsOf(server);
  await save(server, "newer");
  const token = server.read("/var/lib/rancher/k3s/server/token").trim();
  const secretbox = await storedWithSecretbox();
  const json = JSON.stringify({ token, older, newer, secretbox });
  writeFileSync(join(HERE, "kubectl.json.gz"), gzipSync(json, { level: 9 }));
}

/** Snapshot and token of a second cluster are not kept: one stored value, its key and its UID are enough. */
async function storedWithSecretbox() {
  await using server = await startBareServer({
    fresh: true,
    config: "secrets-encryption: true\nsecrets-encryption-provider: secretbox\n",
  });
  await server.kubectl(
    "create",
    "secret",
    "generic",
    "boxed",
    "--from-literal=value=hunter5-never-shown",
  );
  const uid = await server.kubectl("get", "secret", "boxed", "-o", "jsonpath={.metadata.uid}");
  const config = server.read("/var/lib/rancher/k3s/server/cred/encryption-config.json");
  await server.must("k3s etcd-snapshot save --name boxed");
  const file = (await server.must(`ls ${SNAPSHOTS}`)).trim();
  const { liveKeys } = await import("../../../src/datastore/mvcc.ts");
  const { openBolt } = await import("../../../src/datastore/bolt.ts");
  const { memoryFile } = await import("../datastore/support.ts");
  const key = "/registry/secrets/default/boxed";
  const bolt = await openBolt(memoryFile(server.readBytes(`${SNAPSHOTS}/${file}`)));
  for await (const found of liveKeys(bolt, { prefix: key })) {
    const stored = Buffer.from(await found.readValue()).toString("base64");
    return { key, uid, config, stored };
  }
  throw new Error("the Secret is not in the snapshot");
}

await main();
