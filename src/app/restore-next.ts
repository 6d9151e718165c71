/** What is left to do on other machines once this server is restored. */
import { OperatorError } from "../errors.ts";
import { field } from "../k3s/json.ts";
import { listAll } from "../k3s/kubectl.ts";
import { hostOfUrl, localMembership } from "../k3s/members.ts";
import { hostAddresses } from "../sys/network.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { PeerRecord } from "./journal.ts";

const SERVER_LABELS = ["node-role.kubernetes.io/etcd", "node-role.kubernetes.io/control-plane"];

/**
 * Where the other servers reach this one: at its address as a member, by the
 * database here or by the archive's members; a bridge of K3s's own is no such place.
 */
export async function restoredUrl(
  settings: Settings,
  members: Manifest["datastore"]["members"] = [],
): Promise<string> {
  const mine = hostAddresses();
  const here = (await localMembership(settings.dataDir))?.own?.peerUrls ?? [];
  const then = members.flatMap(({ peerUrls }) => peerUrls);
  const address =
    here.map(hostOfUrl)[0] ??
    then.map(hostOfUrl).find((one) => mine.includes(one)) ??
    settings.one("node-ip")?.split(",")[0] ??
    mine[0] ??
    "THIS-SERVER";
  return `https://${address.includes(":") ? `[${address}]` : address}:${settings.httpsPort}`;
}

/** A line each, in the order in which they are to be done: servers one after the other, agents last. */
export function nextSteps(
  peers: readonly PeerRecord[],
  options: { readonly url: string; readonly agents: readonly string[] | undefined },
): string[] {
  const servers = peers.map(
    ({ name, address }) =>
      `then on ${name} (${address}), with its old data still there: railiance-cluster restore --peer ${options.url}`,
  );
  const { agents } = options;
  if (agents !== undefined) {
    return [
      ...servers,
      ...agents.map((name) => `last, on agent ${name}: systemctl restart k3s-agent`),
    ];
  }
  return [...servers, "last, on every agent node: systemctl restart k3s-agent"];
}

/** Names of the nodes that are no servers; undefined when the API server does not tell. */
export async function agentNodes(
  context: Context,
  settings: Settings,
): Promise<string[] | undefined> {
  const names: string[] = [];
  try {
    for await (const node of listAll(context.host, settings, "/api/v1/nodes")) {
      const metadata = field(node, "metadata");
      const labels = field(metadata, "labels");
      const name = field(metadata, "name");
      const isServer = SERVER_LABELS.some((label) => field(labels, label) !== undefined);
      if (!isServer && typeof name === "string") names.push(name);
    }
    return names;
  } catch (error) {
    if (error instanceof OperatorError && error.exit === "precondition") return undefined;
    throw error;
  }
}
