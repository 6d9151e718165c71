/** The other servers, before and during a restore of this one: none may run. */
import { bootstrapFile } from "../datastore/bootstrap.ts";
import { OperatorError } from "../errors.ts";
import { hostOfUrl, localMembership } from "../k3s/members.ts";
import { peersAmong, probePeers } from "../k3s/peers.ts";
import { readTextIfPresent } from "../sys/files.ts";
import { hostAddresses } from "../sys/network.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { BootstrapData } from "../datastore/bootstrap.ts";
import type { Membership } from "../k3s/members.ts";
import type { Authorities, PeerAnswer } from "../k3s/peers.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { PeerRecord, RestorePlan } from "./journal.ts";

export interface PeersInput {
  readonly manifest: Manifest;
  readonly settings: Settings;
}

/**
 * Every other server that the archive or the database on this host names. None
 * when neither ever had more than one member.
 */
export async function findPeers({ manifest, settings }: PeersInput): Promise<PeerRecord[]> {
  const membership = await localMembership(settings.dataDir);
  const here = membership?.members ?? [];
  const then = manifest.datastore.members;
  if (here.length < 2 && then.length < 2) return [];
  const own = ownAddresses(settings, membership);
  return peersAmong([then, here], { own, apiPort: settings.httpsPort });
}

/**
 * Also those that no interface shows: behind a router that changes addresses, or
 * while the cable is out (an interface without carrier is not listed).
 */
export function ownAddresses(settings: Settings, membership: Membership | undefined): string[] {
  const set = ["node-ip", "node-external-ip", "advertise-address"].flatMap((name) =>
    settings.all(name).flatMap((value) => value.split(",")),
  );
  const asMember = (membership?.own?.peerUrls ?? []).map(hostOfUrl);
  return [...hostAddresses(), ...asMember, "127.0.0.1", "::1", ...set.map((one) => one.trim())];
}

/** Those that have not joined: once it was reset the database has this server alone, and who came later is of the restored cluster. */
export async function peersOutside({
  dataDir,
  peers,
}: Pick<RestorePlan, "dataDir" | "peers">): Promise<readonly PeerRecord[]> {
  const members = (await localMembership(dataDir))?.members ?? [];
  const joined = members.flatMap(({ peerUrls }) => peerUrls.map(hostOfUrl));
  return peers.filter(({ address }) => !joined.includes(address));
}

/** What the servers of the archive's cluster show certificates of. */
export function authoritiesOf(bootstrap: BootstrapData | undefined): Authorities {
  const text = (name: string): string => {
    const file = bootstrap === undefined ? undefined : bootstrapFile(bootstrap, name);
    return new TextDecoder().decode(file ?? new Uint8Array());
  };
  return { peer: text("ETCDPeerCA"), server: text("ServerCA") };
}

/** The same from a server that was restored, once nothing of the archive is laid out any more. */
export async function authoritiesAt(dataDir: string): Promise<Authorities> {
  const tls = `${dataDir}/server/tls`;
  return {
    peer: (await readTextIfPresent(`${tls}/etcd/peer-ca.crt`)) ?? "",
    server: (await readTextIfPresent(`${tls}/server-ca.crt`)) ?? "",
  };
}

/**
 * Knocks at every peer. Throws an OperatorError `PEER_ALIVE` (exit refused) while
 * one of this cluster answers, whatever `force` says, and `PEER_ADDRESS_ANSWERS`
 * while anybody else answers there, unless forced; then it warns.
 */
export async function requirePeersDown(
  context: Context,
  input: {
    readonly peers: readonly PeerRecord[];
    readonly authorities: Authorities;
    readonly force: boolean;
    /** It was warned of what is forced before. */
    readonly told?: true;
  },
): Promise<void> {
  if (input.peers.length === 0) return;
  const answers = await probePeers(context.host, input.peers, input.authorities);
  const alive = answers.filter(({ ofCluster }) => ofCluster);
  if (alive.length > 0) throw peersAlive(alive);
  const others = answers.filter(({ open }) => open.length > 0);
  if (others.length > 0 && !input.force) throw addressAnswers(others);
  for (const { peer, open } of input.told === true ? [] : others) {
    context.talk({
      type: "warning",
      code: "PEER_ADDRESS_ANSWERS",
      message: `FORCED: something answers at ${peer.address} (${portsText(open)}), where server ${peer.name} of this cluster was, and does not show a certificate of the cluster`,
      hint: `be sure that it is another machine: if ${peer.name} comes back with its old data, the cluster splits in two`,
    });
  }
}

function peersAlive(alive: readonly PeerAnswer[]): OperatorError {
  const names = alive.map(({ peer, open }) => `${peer.name} (${peer.address}, ${portsText(open)})`);
  const stops = alive.map(({ peer }) => stopCommand(peer.address)).join("; ");
  return new OperatorError(
    "refused",
    "PEER_ALIVE",
    `K3s still runs on ${names.join(", ")}: beside the restored server the old ones would go on with the old data, a split brain`,
    {
      hint: `stop K3s there first: ${stops} (restore --peer enables it again; without a restore: systemctl enable --now k3s)`,
    },
  );
}

function addressAnswers(others: readonly PeerAnswer[]): OperatorError {
  const names = others.map(
    ({ peer, open }) => `${peer.address} (${portsText(open)}), where server ${peer.name} was`,
  );
  const stops = others.map(({ peer }) => stopCommand(peer.address)).join("; ");
  return new OperatorError(
    "refused",
    "PEER_ADDRESS_ANSWERS",
    `something still answers at ${names.join(", ")}: with its old data it would split the cluster in two`,
    {
      hint: `stop K3s there: ${stops}; only when that address has gone to another machine: --force`,
    },
  );
}

/** Also at the next boot: two old servers together are the old cluster again. */
function stopCommand(address: string): string {
  return `ssh root@${address} systemctl disable --now k3s`;
}

function portsText(ports: readonly number[]): string {
  return `port${ports.length === 1 ? "" : "s"} ${ports.join(", ")}`;
}

/** The plan's lines about the other servers, all of them silent; none when there are none. */
export function peerLines(peers: readonly PeerRecord[]): string[] {
  if (peers.length === 0) return [];
  const named = peers.map(({ name, address }) => `${name} (${address})`).join(", ");
  return [
    `other servers  silent: ${named}; stopped, off, or alive behind a cut cable`,
    "               none may be started with its old data, not by a reboot either: only through restore --peer",
  ];
}
