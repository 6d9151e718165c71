/** What K3s applies by itself: `server/manifests`, with the operator's own files in it. */
import { filesBelow } from "../sys/files.ts";
import { addHostFile } from "./host-file.ts";
import { count } from "../words.ts";
import type { Asset } from "./asset.ts";
import type { Settings } from "../k3s/settings.ts";

export function manifestsAsset(settings: Settings): Asset {
  return {
    name: "own manifests",
    async collect(_source, collector) {
      let found = 0;
      // The bundled ones are saved too: K3s rewrites them at each start, and telling them apart by name would rot.
      for (const path of await filesBelow(`${settings.dataDir}/server/manifests`)) {
        if (await addHostFile(collector, path, { kind: "manifest" })) found += 1;
      }
      return count(found, "manifest");
    },
  };
}
