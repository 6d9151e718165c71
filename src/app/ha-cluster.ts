/** The cluster of this host, for HA work; none where no K3s server is. */
import { readSettings } from "../k3s/settings.ts";
import { statOf } from "../sys/files.ts";
import type { Cluster } from "../ha/cluster.ts";
import type { Context } from "./context.ts";

/** Undefined where there is no kubeconfig: then only what needs no cluster can be checked. */
export async function clusterHere(
  context: Context,
  options: { readonly dataDir: string | undefined },
): Promise<Cluster | undefined> {
  const { k3s, kubeconfig, dataDir } = await readSettings(options);
  if ((await statOf(kubeconfig)) === undefined) return undefined;
  return { host: context.host, server: { k3s, kubeconfig, dataDir } };
}
