/** Something worth saving on a bare server: a key, objects, a helm release; and what of it has to come back. */
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import type { BareServer } from "../lab/server.ts";

export const PROGRAM = "/opt/railiance/bin/railiance-cluster";
export const ARCHIVES = "/opt/backup/railiance/cluster";
export const KEY_FILE = "/root/.config/sops/age/keys.txt";
const CHART = "/root/chart";

export interface Key {
  readonly secret: string;
  readonly recipient: string;
}

/** Makes an age key pair and puts it where SOPS has it on the server. */
export async function giveKey(server: BareServer): Promise<Key> {
  const secret = await generateX25519Identity();
  const recipient = await identityToRecipient(secret);
  server.write(KEY_FILE, `# created by a test\n# public key: ${recipient}\n${secret}\n`);
  return { secret, recipient };
}

/** A release of a chart of our own, twice upgraded, and some objects beside it. */
export async function makeWorkload(server: BareServer): Promise<void> {
  server.write(
    `${CHART}/Chart.yaml`,
    "apiVersion: v2\nname: shop\nversion: 1.2.3\nappVersion: 9.1\n",
  );
  server.write(
    `${CHART}/values.yaml`,
    "replicas: 1\nimage: {repository: shop, tag: 9.1}\nmail: {host: mx, port: 25}\n",
  );
  server.write(
    `${CHART}/templates/all.yaml`,
    `apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-mail}
data: {host: {{ .Values.mail.host | quote }}, port: {{ .Values.mail.port | quote }}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"}]}
`,
  );
  await helm(
    server,
    `install shop ${CHART} -n shop --create-namespace --set mail.host=mail.example`,
  );
  await helm(server, `upgrade shop ${CHART} -n shop --set mail.host=mail.example,replicas=2`);
  await server.kubectl("create", "configmap", "before", "--from-literal=state=before");
  // The controllers give every namespace these two; a state noted before would lack them.
  await server.must(
    `for attempt in $(seq 100); do
       k3s kubectl -n shop get serviceaccount/default configmap/kube-root-ca.crt > /dev/null 2>&1 && exit 0
       sleep 0.1
     done; exit 1`,
  );
  await server.kubectl("create", "secret", "generic", "password", "--from-literal=value=hunter2");
}

/** Runs helm on the server as an operator would. */
export async function helm(server: BareServer, args: string): Promise<string> {
  const result = await server.run(`KUBECONFIG=/etc/rancher/k3s/k3s.yaml helm ${args}`);
  if (result.exitCode !== 0) throw new Error(`helm ${args}: ${result.stderr}`);
  return result.stdout;
}

export interface ClusterState {
  /** `kind namespace/name uid`, sorted. */
  readonly uids: readonly string[];
  readonly clientAuthority: string;
  readonly helmList: string;
  readonly helmValues: string;
}

/** What must be the same before the backup and after the restore. */
export async function stateOf(server: BareServer): Promise<ClusterState> {
  const text = await server.kubectl(
    "get",
    "configmaps,secrets,deployments,namespaces,serviceaccounts,nodes",
    "-A",
    "-o",
    'jsonpath={range .items[*]}{.kind} {.metadata.namespace}/{.metadata.name} {.metadata.uid}{"\\n"}{end}',
  );
  const { stdout: clientAuthority } = await server.run(
    "md5sum < /var/lib/rancher/k3s/server/tls/client-ca.crt",
  );
  return {
    uids: text.trim().split("\n").sort(),
    clientAuthority,
    helmList: await helm(server, "list -A -o json"),
    helmValues: await helm(server, "get values shop -n shop -a -o json"),
  };
}

/** K3s makes these anew at each start. */
export function withoutTransient(uids: readonly string[]): string[] {
  return uids.filter((line) => !/node-password\.k3s|k3s-serving/.test(line));
}

/** As after a disk failure: K3s is stopped and its data folder gone. */
export async function wipeCluster(server: BareServer): Promise<void> {
  await server.stopCluster();
  await server.must("rm -rf /var/lib/rancher/k3s");
}
