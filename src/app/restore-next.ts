/** What is left to do on other machines once this server is restored. */
import { hostOfUrl, localMembership } from "../k3s/members.ts";
import { hostAddresses } from "../sys/network.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Settings } from "../k3s/settings.ts";
import type { PeerRecord } from "./journal.ts";

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

/** After a restore that did not take place: they were stopped for it, also for the next boot. */
export function othersAgain(peers: readonly PeerRecord[]): string {
  if (peers.length === 0) return "";
  const named = peers.map(({ name, address }) => `${name} (${address})`).join(", ");
  return `; the other servers, ${named}, start again with, there: systemctl enable --now k3s`;
}

/** A line for each of the other servers, to be done one after the other. */
export function peerSteps(peers: readonly PeerRecord[], url: string): string[] {
  return peers.map(
    ({ name, address }) =>
      `then on ${name} (${address}), with its old data still there: railiance-cluster restore --peer ${url}`,
  );
}
