/** The settings a K3s server really runs with: command line over configuration over environment. */
import { isAbsolute } from "node:path";
import { DEFAULT_CONFIG, readConfigFile } from "./config-file.ts";
import { FLAG_ALIASES, parseFlags } from "./flags.ts";
import { readUnit } from "./unit.ts";
import type { ConfigFile } from "./config-file.ts";
import type { FileView } from "./file-view.ts";
import type { Unit } from "./unit.ts";

export const DEFAULT_DATA_DIR = "/var/lib/rancher/k3s";
export const DEFAULT_KUBECONFIG = "/etc/rancher/k3s/k3s.yaml";

/** Environment variables K3s reads for the settings we ask for (K3s pkg/cli/cmds/server.go). */
const VARIABLES: Readonly<Record<string, string>> = {
  "data-dir": "K3S_DATA_DIR",
  token: "K3S_TOKEN",
  "token-file": "K3S_TOKEN_FILE",
  "agent-token": "K3S_AGENT_TOKEN",
  "agent-token-file": "K3S_AGENT_TOKEN_FILE",
  server: "K3S_URL",
  "datastore-endpoint": "K3S_DATASTORE_ENDPOINT",
  "cluster-init": "K3S_CLUSTER_INIT",
  "node-name": "K3S_NODE_NAME",
  "write-kubeconfig": "K3S_KUBECONFIG_OUTPUT",
};

export interface Settings {
  readonly unit: Unit | undefined;
  readonly config: ConfigFile;
  readonly configPath: string;
  /** Absolute. */
  readonly dataDir: string;
  /** Path or name of the k3s program. */
  readonly k3s: string;
  readonly kubeconfig: string;
  /** The folder K3s saves to: the default, or the one set. */
  readonly snapshotDir: string;
  /** Prefix of scheduled snapshots. */
  readonly snapshotName: string;
  readonly httpsPort: number;
  /** Every value of a setting, by its long name; empty when it is not set. */
  all(name: string): readonly string[];
  /** The last value of a setting. */
  one(name: string): string | undefined;
}

/**
 * Reads unit and configuration of this host. `dataDir` given by the operator wins over both.
 * With `view`, as they will be when those files are in place.
 */
export async function readSettings(options: {
  readonly dataDir: string | undefined;
  readonly view?: FileView;
}): Promise<Settings> {
  const unit = await readUnit(options.view);
  const flags = new Map<string, string[]>();
  for (const { name, value } of parseFlags(unit?.flags ?? [])) {
    flags.set(name, [...(flags.get(name) ?? []), value ?? "true"]);
  }
  const environment = unit?.environment ?? {};
  const configPath =
    environment["K3S_CONFIG_FILE"] ?? flags.get("config")?.at(-1) ?? DEFAULT_CONFIG;
  const config = await readConfigFile(configPath, options.view);
  const all = (name: string): readonly string[] => {
    const variable = VARIABLES[name];
    const fromEnvironment = variable === undefined ? undefined : environment[variable];
    return (
      flags.get(name) ??
      config.values.get(name) ??
      aliased(config, name) ??
      (fromEnvironment === undefined || fromEnvironment === "" ? [] : [fromEnvironment])
    );
  };
  const one = (name: string): string | undefined => all(name).at(-1);
  const dataDir = absolute(options.dataDir ?? one("data-dir") ?? DEFAULT_DATA_DIR);
  return {
    unit,
    config,
    configPath,
    dataDir,
    k3s: unit?.program ?? "k3s",
    kubeconfig: one("write-kubeconfig") ?? DEFAULT_KUBECONFIG,
    snapshotDir: one("etcd-snapshot-dir") ?? `${dataDir}/server/db/snapshots`,
    snapshotName: one("etcd-snapshot-name") ?? "etcd-snapshot",
    httpsPort: Number(one("https-listen-port") ?? 6443),
    all,
    one,
  };
}

/** The name this server registers under, unless `with-node-id` adds to it. */
export function nodeNameOf(settings: Settings, host: { readonly hostname: string }): string {
  return (settings.one("node-name") ?? host.hostname).toLowerCase();
}

function aliased(config: ConfigFile, name: string): readonly string[] | undefined {
  for (const [alias, full] of Object.entries(FLAG_ALIASES)) {
    if (full === name && config.values.has(alias)) return config.values.get(alias);
  }
  return undefined;
}

function absolute(path: string): string {
  return isAbsolute(path) ? path.replace(/(.)\/+$/, "$1") : `/${path}`;
}
