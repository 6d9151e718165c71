/**
 * The other servers of a cluster, and whether they still answer. Two old ones
 * with their old databases form the old quorum again beside a restored server: a
 * split brain (k3s-observed.md 7, 14.4).
 */
import { answers, showsCertificateOf } from "../sys/tcp.ts";
import { hostOfUrl, nodeOfMember } from "./members.ts";
import type { Host } from "../sys/host.ts";

const TIMEOUT = 3_000;

export interface Peer {
  /** Name of its Node. */
  readonly name: string;
  /** As etcd has it. */
  readonly address: string;
  /** Of etcd, and of K3s. */
  readonly peerPort: number;
  readonly apiPort: number;
}

interface NamedMember {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

/**
 * Every other server among the members of several lists, each address once, by name. A
 * server is this one when an address of its is in `own`; its name does not count:
 * the machine that had our name before may still be alive elsewhere.
 */
export function peersAmong(
  lists: readonly (readonly NamedMember[])[],
  options: { readonly own: readonly string[]; readonly apiPort: number },
): Peer[] {
  const found = new Map<string, Peer>();
  for (const { name, peerUrls } of lists.flat()) {
    for (const url of peerUrls) {
      const address = hostOfUrl(url);
      if (address === "" || options.own.includes(address) || found.has(address)) continue;
      const peerPort = Number(new URL(url).port || "2380");
      found.set(address, { name: nodeOfMember(name), address, peerPort, apiPort: options.apiPort });
    }
  }
  return [...found.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** PEM of the cluster's authorities, of which a server of it shows certificates. */
export interface Authorities {
  readonly peer: string;
  readonly server: string;
}

export interface PeerAnswer {
  readonly peer: Peer;
  /** Ports that answer. None is no proof that it is down: the cable may be cut. */
  readonly open: readonly number[];
  /** It shows a certificate of this cluster: it is one of its servers, not somebody who has its address now. */
  readonly ofCluster: boolean;
}

/** Knocks at every peer at once; takes 3 s at most when they are silent. */
export async function probePeers(
  host: Host,
  peers: readonly Peer[],
  authorities: Authorities,
): Promise<PeerAnswer[]> {
  const options = { timeout: TIMEOUT, signal: host.signal };
  return await Promise.all(
    peers.map(async (peer) => {
      const { address } = peer;
      const ports = [
        { port: peer.peerPort, authority: authorities.peer },
        { port: peer.apiPort, authority: authorities.server },
      ];
      const seen = await Promise.all(
        ports.map(async ({ port, authority }) => {
          const open = await answers({ address, port }, options);
          const ofCluster =
            open && (await showsCertificateOf({ address, port }, { ...options, authority }));
          return { port, open, ofCluster };
        }),
      );
      return {
        peer,
        open: seen.filter((one) => one.open).map(({ port }) => port),
        ofCluster: seen.some(({ ofCluster }) => ofCluster),
      };
    }),
  );
}
