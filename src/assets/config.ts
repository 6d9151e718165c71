/** `/etc/rancher/k3s` with drop-ins and registries, the files that configuration and flags name, and those K3s finds by itself. */
import { filesBelow, statOf } from "../sys/files.ts";
import { addHostFile } from "./host-file.ts";
import { madeAnew, namedPaths } from "./named-paths.ts";
import { operatorFiles } from "./operator-files.ts";
import { count } from "../words.ts";
import type { Asset, Collector } from "./asset.ts";
import type { NamedPath } from "./named-paths.ts";
import type { Settings } from "../k3s/settings.ts";

const FOLDER = "/etc/rancher/k3s";

export function configAsset(settings: Settings): Asset {
  return {
    name: "configuration",
    async collect(_source, collector) {
      const paths = new Set(await filesBelow(FOLDER));
      paths.delete(settings.kubeconfig); // its own asset
      paths.delete(`${FOLDER}/k3s.yaml`);
      for (const path of settings.config.files) paths.add(path);
      for (const named of namedPaths(settings)) {
        for (const path of await filesOf(named, { settings, collector })) paths.add(path);
      }
      for (const path of await operatorFiles(settings.dataDir)) paths.add(path);
      let found = 0;
      for (const path of [...paths].sort()) {
        if (await addHostFile(collector, path, { kind: "config" })) found += 1;
      }
      return count(found, "configuration file");
    },
  };
}

/** The files behind a path that settings name; a gap when K3s needs it and a restore would not bring it back. */
async function filesOf(
  named: NamedPath,
  { settings, collector }: { readonly settings: Settings; readonly collector: Collector },
): Promise<readonly string[]> {
  const { path, neededBy, folder } = named;
  const lost = (code: string, message: string, hint: string): readonly string[] => {
    if (neededBy !== undefined) collector.gap({ code, message, hint });
    return [];
  };
  const again = "set the new path, then run the backup again";
  const gone = madeAnew(path, settings.dataDir);
  if (gone !== undefined) {
    return lost(
      "FILE_IN_STATE",
      `${path}, which ${neededBy} names, was left out: K3s and a restore make ${gone} anew`,
      `keep the file elsewhere, /etc/rancher/k3s say; ${again}`,
    );
  }
  let info;
  try {
    info = await statOf(path);
  } catch {
    return [path]; // whoever reads it says why it cannot be read
  }
  if (info === undefined) {
    return lost(
      "FILE_MISSING",
      `${neededBy} names ${path}, and there is no such file`,
      `without it K3s does not start again: put the file back, or ${again}`,
    );
  }
  if (info.isDirectory()) {
    if (folder) return filesBelow(path);
    return lost(
      "FILE_IS_FOLDER",
      `${neededBy} names ${path}, which is a folder: it was left out`,
      `K3s reads a file there: ${again}`,
    );
  }
  return [path];
}
