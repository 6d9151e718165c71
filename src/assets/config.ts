/** `/etc/rancher/k3s` with drop-ins and registries, and the files that configuration and flags name. */
import { filesBelow } from "../sys/files.ts";
import { addHostFile } from "./host-file.ts";
import { count } from "../words.ts";
import type { Asset } from "./asset.ts";
import type { Settings } from "../k3s/settings.ts";

const FOLDER = "/etc/rancher/k3s";

/** Settings whose value is a place K3s writes to, not a file it needs. */
const OUTPUTS = new Set([
  "audit-log-path",
  "data-dir",
  "etcd-snapshot-dir",
  "log",
  "log-file",
  "write-kubeconfig",
]);

export function configAsset(settings: Settings): Asset {
  return {
    name: "configuration",
    async collect(_source, collector) {
      const paths = new Set(await filesBelow(FOLDER));
      paths.delete(settings.kubeconfig); // its own asset
      paths.delete(`${FOLDER}/k3s.yaml`);
      for (const path of settings.config.files) paths.add(path);
      for (const path of referencedPaths(settings)) paths.add(path);
      let found = 0;
      for (const path of [...paths].sort()) {
        if (await addHostFile(collector, path, { kind: "config" })) found += 1;
      }
      return count(found, "configuration file");
    },
  };
}

/**
 * Absolute paths that settings name outside the data dir: `token-file: /x`,
 * `kube-apiserver-arg: audit-policy-file=/y`. Those that are no regular file
 * drop out when they are read.
 */
export function referencedPaths(settings: Settings): string[] {
  const found = new Set<string>();
  const consider = (key: string, value: string): void => {
    const argument = /^([\w-]+)=(.*)$/s.exec(value);
    if (argument !== null) return consider(argument[1] ?? "", argument[2] ?? "");
    if (OUTPUTS.has(key)) return;
    for (const part of value.split(",")) {
      if (/^\/[^\0]+$/.test(part) && !part.startsWith(`${settings.dataDir}/`)) found.add(part);
    }
  };
  for (const [key, values] of settings.config.values)
    for (const value of values) consider(key, value);
  for (const [index, flag] of (settings.unit?.flags ?? []).entries()) {
    const named = /^--?([\w-]+)(?:=(.*))?$/s.exec(flag);
    if (named?.[2] !== undefined) consider(named[1] ?? "", named[2]);
    else if (named === null) {
      const before = /^--?([\w-]+)$/.exec(settings.unit?.flags[index - 1] ?? "");
      consider(before?.[1] ?? "", flag);
    }
  }
  for (const variable of ["token-file", "agent-token-file"]) {
    const value = settings.one(variable);
    if (value !== undefined) consider(variable, value);
  }
  return [...found].sort();
}
