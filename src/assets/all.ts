/** Everything S2 owns. To add an asset: one file in this folder, one line here. */
import { configAsset } from "./config.ts";
import { helmChartsAsset } from "./helm-charts.ts";
import { helmReleasesAsset } from "./helm-releases.ts";
import { manifestsAsset } from "./manifests.ts";
import { kubeconfigAsset, nodePasswordAsset } from "./node.ts";
import { snapshotAsset } from "./snapshot.ts";
import { tokenAsset } from "./token.ts";
import { unitAsset } from "./unit.ts";
import { collectGarbage } from "../sys/memory.ts";
import type { Asset } from "./asset.ts";
import type { Settings } from "../k3s/settings.ts";
import type { SnapshotOnDisk } from "./snapshot.ts";

export function allAssets(from: {
  readonly settings: Settings;
  readonly snapshot: SnapshotOnDisk & { readonly token: string };
  /** False: nothing is asked of the API server, which does not answer. */
  readonly api: boolean;
}): Asset[] {
  const { settings, snapshot, api } = from;
  return [
    snapshotAsset(snapshot),
    tokenAsset(settings, snapshot.token),
    configAsset(settings),
    unitAsset(settings),
    manifestsAsset(settings),
    nodePasswordAsset(),
    kubeconfigAsset(settings),
    ...(api ? [helmReleasesAsset({ releaseMemory: collectGarbage }), helmChartsAsset()] : []),
  ];
}
