/** The parts of RUNBOOK.md for a cluster of several servers; empty for a single one. */
import { hostOfUrl, nodeOfMember } from "../k3s/members.ts";
import { shellWord } from "./shell-quote.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Settings } from "../k3s/settings.ts";

type ServerFacts = Pick<Manifest, "datastore" | "host">;

interface Other {
  readonly name: string;
  readonly address: string;
}

/** Before anything is stopped here. */
export function stopOthers(manifest: ServerFacts): string {
  const others = othersOf(manifest);
  if (others.length === 0) return "";
  return `**First stop K3s on every other server**, and see that none starts again, not by a reboot either: two old ones
together bring the old data back beside the restored one, a split brain. From here:

${others.map(({ name, address }) => `    ssh root@${address} systemctl disable --now k3s     # ${name}`).join("\n")}

One that does not answer may be off, or alive behind a cut cable: it must never be started with its old data again.

`;
}

/** After this server runs again. */
export function joinOthers(
  manifest: ServerFacts,
  { httpsPort }: Pick<Settings, "httpsPort">,
): string {
  const others = othersOf(manifest);
  if (others.length === 0) return "";
  const { host } = manifest;
  const db = `${host.dataDir}/server/db`;
  const url = `https://${ownAddress(manifest)}:${httpsPort}`;
  return `## 8. The other servers

${others.map(({ name, address }) => `${name} (${address})`).join(", ")}, **one after the other**, each only when the one before has its vote.
With the program, on each: \`railiance-cluster restore --peer ${url}\`. Without it, on each:

1. Its configuration must say \`server: ${url}\` (also where it says \`cluster-init\`: without \`server:\` that
   server makes a second, empty cluster) and have the token of block 5 as \`token:\`, or as \`token-file:\` with a copy
   of it, 0600. In \`${host.dataDir}/server/token\` alone it does not count: the server comes up alone, empty and "ready".
2. Its database goes aside; nothing is deleted, and its snapshots stay where they are:

       systemctl disable --now k3s
       mv ${shellWord(`${db}/etcd`)} ${shellWord(`${host.dataDir}/server/etcd-before-restore`)}
       systemctl enable --now k3s

3. It is back when this prints True, here or there (Ready alone is not enough):

       k3s kubectl get node NAME -o jsonpath='{.status.conditions[?(@.type=="EtcdIsVoter")].status}'

\`failed to validate server configuration\` in its log: a setting named in the line before differs from this server's.
Last of all, on every agent: \`systemctl restart k3s-agent\`.

`;
}

function othersOf({ datastore, host }: ServerFacts): Other[] {
  if (datastore.members.length < 2) return [];
  return datastore.members
    .map(({ name, peerUrls }) => ({
      name: nodeOfMember(name),
      address: hostOfUrl(peerUrls[0] ?? "") || nodeOfMember(name),
    }))
    .filter(({ name, address }) => name !== host.nodeName && !host.addresses.includes(address));
}

function ownAddress({ datastore, host }: ServerFacts): string {
  const known = datastore.members
    .flatMap(({ peerUrls }) => peerUrls.map(hostOfUrl))
    .find((address) => host.addresses.includes(address));
  const address = known ?? host.addresses[0] ?? host.hostname;
  return address.includes(":") ? `[${address}]` : address;
}
