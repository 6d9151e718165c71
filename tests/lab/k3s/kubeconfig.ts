/** The kubeconfigs of the components, and the administrator's. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { log, textOf } from "./log.ts";
import type { Settings } from "./settings.ts";
import { writeSecret } from "./users.ts";

const DEFAULT_PATH = "/etc/rancher/k3s/k3s.yaml";

/** Writes `server/cred/*.kubeconfig` and those of the agent; they name certificate files. */
export function writeComponentConfigs(settings: Settings): void {
  const { cred, tls, agent, serverCa } = settings.paths;
  const url = urlOf(settings);
  const components: readonly (readonly [file: string, crt: string])[] = [
    [`${cred}/admin.kubeconfig`, `${tls}/client-admin`],
    [`${cred}/supervisor.kubeconfig`, `${tls}/client-supervisor`],
    [`${cred}/controller.kubeconfig`, `${tls}/client-controller`],
    [`${cred}/scheduler.kubeconfig`, `${tls}/client-scheduler`],
    [`${cred}/api-server.kubeconfig`, `${tls}/client-kube-apiserver`],
    [`${cred}/cloud-controller.kubeconfig`, `${tls}/client-k3s-cloud-controller`],
    [`${agent}/kubelet.kubeconfig`, `${agent}/client-kubelet`],
    [`${agent}/kubeproxy.kubeconfig`, `${agent}/client-kube-proxy`],
    [`${agent}/k3scontroller.kubeconfig`, `${agent}/client-k3s-controller`],
  ];
  for (const [file, base] of components) {
    const ca = file.startsWith(agent) ? `${agent}/server-ca.crt` : serverCa;
    const text = configText(
      { url, cluster: "local", user: "user", ca: `certificate-authority: ${ca}` },
      [`client-certificate: ${base}.crt`, `client-key: ${base}.key`],
    );
    if (!existsSync(file) || readFileSync(file, "utf8") !== text) writeSecret(file, text);
  }
}

/**
 * The administrator's kubeconfig with everything inside. Written elsewhere, it
 * makes `/etc/rancher/k3s/k3s.yaml` a link to that place, whatever lay there
 * (k3s-observed.md 1 and 6).
 */
export function writeAdminConfig(settings: Settings): void {
  const { paths, flags } = settings;
  const output = flags.text("write-kubeconfig") || DEFAULT_PATH;
  const base64 = (path: string): string => readFileSync(path).toString("base64");
  const ca = `certificate-authority-data: ${base64(paths.serverCa)}`;
  const text = configText({ url: urlOf(settings), cluster: "default", user: "default", ca }, [
    `client-certificate-data: ${base64(paths.adminCrt)}`,
    `client-key-data: ${base64(paths.adminKey)}`,
  ]);
  mkdirSync(dirname(output), { recursive: true });
  if (isLink(output)) unlinkSync(output);
  writeFileSync(output, text, { mode: 0o600 });
  chmodSync(output, Number.parseInt(flags.text("write-kubeconfig-mode") || "600", 8));
  if (output !== DEFAULT_PATH) linkDefault(output);
  log.info(`Wrote kubeconfig ${output}`);
  log.info("Run: k3s kubectl");
}

function linkDefault(output: string): void {
  try {
    mkdirSync(dirname(DEFAULT_PATH), { recursive: true });
    if (lstatSync(DEFAULT_PATH, { throwIfNoEntry: false }) !== undefined) unlinkSync(DEFAULT_PATH);
    symlinkSync(output, DEFAULT_PATH);
  } catch (error) {
    log.error(`Failed to write kubeconfig symlink: failed to create symlink: ${textOf(error)}`);
  }
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

function urlOf(settings: Settings): string {
  return `https://${settings.apiHost}:${settings.apiPort}`;
}

function configText(
  names: {
    readonly url: string;
    readonly cluster: string;
    readonly user: string;
    readonly ca: string;
  },
  credentials: readonly string[],
): string {
  const { url, cluster, user, ca } = names;
  return `apiVersion: v1
clusters:
- cluster:
    ${ca}
    server: ${url}
  name: ${cluster}
contexts:
- context:
    cluster: ${cluster}
    namespace: default
    user: ${user}
  name: ${cluster}
current-context: ${cluster}
kind: Config
preferences: {}
users:
- name: ${user}
  user:
${credentials.map((line) => `    ${line}`).join("\n")}
`;
}
