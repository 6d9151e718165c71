/** The node password (without it a reinstalled node is refused under its old name) and the admin kubeconfig. */
import { addHostFile } from "./host-file.ts";
import type { Asset } from "./asset.ts";
import type { Settings } from "../k3s/settings.ts";

export function nodePasswordAsset(): Asset {
  return {
    name: "node password",
    async collect(_source, collector) {
      const added = await addHostFile(collector, "/etc/rancher/node/password", {
        kind: "node-password",
      });
      return added ? "node password" : "no node password";
    },
  };
}

export function kubeconfigAsset(settings: Settings): Asset {
  return {
    name: "kubeconfig",
    async collect(_source, collector) {
      const added = await addHostFile(collector, settings.kubeconfig, {
        kind: "kubeconfig",
        archivePath: "k3s/kubeconfig.yaml",
      });
      if (!added) {
        collector.gap({
          code: "KUBECONFIG_MISSING",
          message: `there is no kubeconfig at ${settings.kubeconfig}`,
          hint: "k3s writes it at each start: systemctl restart k3s, then run the backup again",
        });
      }
      return added ? "kubeconfig" : "no kubeconfig";
    },
  };
}
