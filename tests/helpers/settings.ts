/** Settings of a server as `readSettings` gives them, without a host. */
import type { Settings } from "../../src/k3s/settings.ts";

export function testSettings(from: {
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, readonly string[]>>;
  readonly snapshotName?: string;
}): Settings {
  const values = new Map(Object.entries(from.config ?? {}));
  return {
    unit: {
      files: ["/etc/systemd/system/k3s.service"],
      environmentFiles: [],
      program: "/usr/local/bin/k3s",
      flags: from.flags ?? [],
      environment: from.environment ?? {},
    },
    config: { files: [], values },
    configPath: "/etc/rancher/k3s/config.yaml",
    dataDir: "/var/lib/rancher/k3s",
    k3s: "/usr/local/bin/k3s",
    kubeconfig: "/etc/rancher/k3s/k3s.yaml",
    snapshotDir: "/var/lib/rancher/k3s/server/db/snapshots",
    snapshotName: from.snapshotName ?? "etcd-snapshot",
    httpsPort: 6443,
    all: (name) => values.get(name) ?? [],
    one: (name) => values.get(name)?.at(-1),
  };
}
