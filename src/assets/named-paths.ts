/** Absolute paths that settings name: which of them are input that K3s needs, and whose they are. */
import { normalize } from "node:path";
import { FLAG_ALIASES, parseFlags } from "../k3s/flags.ts";
import type { Settings } from "../k3s/settings.ts";

export interface NamedPath {
  readonly path: string;
  /** The setting that K3s reads this path for and does not start without, e.g. `audit-policy-file`. */
  readonly neededBy: string | undefined;
  /** What it names may be a folder of input files. */
  readonly folder: boolean;
}

/** Settings whose value is a place K3s writes to, not a file it needs. */
const OUTPUTS = new Set([
  "audit-log-path",
  "data-dir",
  "etcd-snapshot-dir",
  "lock-file",
  "log",
  "log-file",
  "log-outputs",
  "write-kubeconfig",
]);

/** How Kubernetes, etcd and K3s call settings that name a file to read. */
const INPUT = /(?:^|-)(?:file|cafile|certfile|keyfile|config|conf|kubeconfig)$/;
/** Read when there, passed over when not: `config` is K3s's own here, not a component's. */
const OPTIONAL = new Set(["config", "image-credential-provider-config"]);
const OPTIONAL_ARGUMENTS = new Set(["bootstrap-kubeconfig", "image-credential-provider-config"]);
/** Of components: folders of files to read. The kubelet insists on the first only. */
const FOLDERS = new Set(["config-dir", "pod-manifest-path"]);

/**
 * What settings name: `token-file: /x`, `kube-apiserver-arg: audit-policy-file=/y`.
 * K3s's own state in the data dir is left out, but not what somebody else keeps there.
 */
export function namedPaths(settings: Settings): NamedPath[] {
  const found = new Map<string, NamedPath>();
  const consider = (key: string, value: string, component?: string): void => {
    const argument = /^(?:--)?([\w-]+)\+?=(.*)$/s.exec(value);
    if (argument !== null) return consider(argument[1] ?? "", argument[2] ?? "", key);
    if (OUTPUTS.has(key)) return;
    const use = useOf(key, component);
    for (const part of value.split(",")) {
      if (!/^\/[^\0]+$/.test(part) || isOwnState(part, settings.dataDir)) continue;
      const before = found.get(part);
      found.set(part, {
        path: part,
        neededBy: before?.neededBy ?? use.neededBy,
        folder: before?.folder === true || use.folder,
      });
    }
  };
  for (const [key, values] of settings.config.values)
    for (const value of values) consider(FLAG_ALIASES[key] ?? key, value);
  for (const { name, value } of parseFlags(settings.unit?.flags ?? []))
    if (value !== undefined) consider(name, value);
  for (const variable of ["token-file", "agent-token-file"]) {
    const value = settings.one(variable);
    if (value !== undefined) consider(variable, value);
  }
  return [...found.values()].sort((left, right) => (left.path < right.path ? -1 : 1));
}

/** A label or a taint may be called as it likes (`node-label: config=/x`): only components' arguments count. */
function useOf(key: string, component: string | undefined): Pick<NamedPath, "neededBy" | "folder"> {
  if (component !== undefined && !component.endsWith("-arg")) {
    return { neededBy: undefined, folder: false };
  }
  const folder = component !== undefined && FOLDERS.has(key);
  const optional = component === undefined ? OPTIONAL : OPTIONAL_ARGUMENTS;
  const needed = key === "config-dir" ? folder : INPUT.test(key) && !optional.has(key);
  return { neededBy: needed ? key : undefined, folder };
}

/**
 * What K3s makes itself, out of its database or its program, or has at each start; and what an
 * archive has already. Elsewhere in the data dir there are files of the operator: K3s's hardening
 * guide keeps `psa.yaml` and `audit.yaml` in `server`.
 */
const OWN_STATE = [
  /^data\//,
  /^agent\/(?:containerd|images)\//,
  /^agent\/[^/]+\.(?:crt|key|kubeconfig)$/,
  /^server\/(?:db|etc|manifests)\//,
  /^server\/(?:token|agent-token|node-token)$/,
  /^server\/(?:before|undone|unfinished)-/,
  /^server\/tls-\d+\//,
  /^server\/tls\/(?:client-|server-ca|request-header-ca|service\.|serving-|dynamic-cert|temporary-certs\/|etcd\/|kube-(?:controller-manager|scheduler)\/)/,
  /^server\/cred\/(?:[^/]+\.kubeconfig|passwd|node-passwd|ipsec\.psk|encryption-(?:config|state)\.json)$/,
];

function isOwnState(path: string, dataDir: string): boolean {
  const inside = belowDataDir(path, dataDir);
  return inside !== undefined && OWN_STATE.some((own) => own.test(inside));
}

/** The folder that a restore moves aside and K3s makes anew, when `path` lies in one: a file of the operator does not come back there. */
export function madeAnew(path: string, dataDir: string): string | undefined {
  const folder = /^server\/(?:tls|cred)(?=\/)/.exec(belowDataDir(path, dataDir) ?? "")?.[0];
  return folder === undefined ? undefined : `${dataDir}/${folder}`;
}

function belowDataDir(path: string, dataDir: string): string | undefined {
  const plain = normalize(path);
  return plain.startsWith(`${dataDir}/`) ? plain.slice(dataDir.length + 1) : undefined;
}
