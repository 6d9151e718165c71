/** What operators keep in K3s's agent folder without any setting that names it: K3s and its kubelet look there by themselves. */
import { filesBelow } from "../sys/files.ts";

/** Folders below the data dir, and which of their files are the operator's. Places: K3s's advanced configuration. */
const PLACES: readonly { readonly folder: string; readonly is: RegExp }[] = [
  // K3s writes config.toml itself, out of these.
  { folder: "agent/etc/containerd", is: /^config(?:-v\d+)?\.toml(?:\.tmpl|\.d\/[^/]+\.toml)$/ },
  // Its own one is written at each start (v1.32 and later).
  { folder: "agent/etc/kubelet.conf.d", is: /^(?!00-k3s-defaults\.conf$)[^/]+\.conf$/ },
  // Static pods.
  { folder: "agent/pod-manifests", is: /^[^/.][^/]*\.(?:ya?ml|json)$/ },
];

/** Absolute paths, sorted within each place. */
export async function operatorFiles(dataDir: string): Promise<string[]> {
  const found: string[] = [];
  for (const { folder, is } of PLACES) {
    const place = `${dataDir}/${folder}`;
    for (const path of await filesBelow(place)) {
      if (is.test(path.slice(place.length + 1))) found.push(path);
    }
  }
  return found;
}
