/** Whether this server may give up its database and join the restored server at a URL: all that can be known before anything is touched. */
import { caHash, tokenPassword } from "../datastore/bootstrap.ts";
import { OperatorError } from "../errors.ts";
import { detectDatastore } from "../k3s/datastore-kind.ts";
import { hostOfUrl, localMembership, nodeOfMember, ownMemberName } from "../k3s/members.ts";
import { serviceState } from "../k3s/service.ts";
import { fetchAuthority, remoteMembers } from "../k3s/supervisor.ts";
import { findTokens } from "../k3s/tokens.ts";
import { namesIn, readTextIfPresent } from "../sys/files.ts";
import { readJournal } from "./journal.ts";
import { STATE_FOLDER } from "./places.ts";
import { ownAddresses } from "./restore-peers.ts";
import type { RemoteAuthority, RemoteMember } from "../k3s/supervisor.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";

export interface Joinable {
  /** The token of this host that the restored server takes. */
  readonly token: string;
  readonly nodeName: string;
  readonly members: readonly RemoteMember[];
  /** This server is a voter of that cluster already, and runs: nothing is left to do. */
  readonly joined: boolean;
}

/** Throws an OperatorError that says why not; nothing was touched then. */
export async function checkJoinable(
  context: Context,
  input: { readonly url: string; readonly settings: Settings },
): Promise<Joinable> {
  const { url, settings } = input;
  await requireServer(settings);
  const here = await localMembership(settings.dataDir);
  if (ownAddresses(settings, here).includes(hostOfUrl(url))) throw ownAddress(url);
  const authority = await fetchAuthority(context.host, url);
  await requireSameCluster(input, authority);
  const { token, members } = await fittingToken(context, { ...input, authority });
  const nodeName = nodeNameOf(await ownMemberName(settings.dataDir), {
    settings,
    hostname: context.host.hostname,
  });
  // By name: it lies in a file of its own, and the database may be unreadable or busy.
  const own = await ownMemberName(settings.dataDir);
  const among = members.find(({ name }) => name === own);
  if (among === undefined) return { token, nodeName, members, joined: false };
  const runs = (await serviceState(context.host)) === "active";
  const joined = runs && !among.isLearner && (await hasJoined());
  if (!joined) throw memberAlready(url, { runs, votes: !among.isLearner });
  return { token, nodeName, members, joined };
}

/**
 * Whether what was last done here was a join that ended well. Two old servers are
 * voters of one cluster as well: without this a wrong URL would look like a success.
 */
async function hasJoined(): Promise<boolean> {
  const folders = (await namesIn(STATE_FOLDER)).filter((name) => name.startsWith("restore-"));
  const last = folders.toSorted().at(-1);
  if (last === undefined) return false;
  const filed = await readJournal(`${STATE_FOLDER}/${last}/journal`).catch(() => undefined);
  return filed?.plan.join !== undefined && filed.done.has("check") && !filed.rollingBack;
}

/** K3s has it in the member's name; without one it is what K3s will take. */
function nodeNameOf(
  member: string | undefined,
  { settings, hostname }: { readonly settings: Settings; readonly hostname: string },
): string {
  if (member !== undefined) return nodeOfMember(member);
  return (settings.one("node-name") ?? hostname).toLowerCase();
}

async function requireServer(settings: Settings): Promise<void> {
  if (settings.unit === undefined) {
    throw new OperatorError(
      "precondition",
      "K3S_MISSING",
      "this host has no k3s.service: K3s is not installed here as a server",
      {
        hint: "install it with INSTALL_K3S_SKIP_START=true and its configuration; then this again",
      },
    );
  }
  if ((await detectDatastore(settings)).kind !== "external") return;
  throw new OperatorError(
    "precondition",
    "DATASTORE_UNSUPPORTED",
    "this server's configuration names an external datastore (datastore-endpoint), so it is no member of an etcd cluster",
    { hint: "is this the right host?" },
  );
}

function ownAddress(url: string): OperatorError {
  return new OperatorError("usage", "PEER_IS_SELF", `${url} is this server itself`, {
    hint: "restore --peer runs on each of the OTHER servers, with the address of the restored one",
  });
}

/** The authority on disk decides; without one that in a full token. */
async function requireSameCluster(
  { url, settings }: { readonly url: string; readonly settings: Settings },
  { hash }: RemoteAuthority,
): Promise<void> {
  const known = await knownAuthority(settings);
  if (known === hash) return;
  if (known === undefined) {
    throw new OperatorError(
      "precondition",
      "AUTHORITY_UNKNOWN",
      `this host knows no CA of its cluster, so it cannot tell whether ${url} belongs to it`,
      {
        hint: "put the full token (K10…) of the restored server, its /var/lib/rancher/k3s/server/token, into a private file here and name it as token-file: in the K3s configuration",
      },
    );
  }
  throw new OperatorError(
    "refused",
    "OTHER_CLUSTER",
    `the server at ${url} belongs to another cluster (CA ${hash.slice(0, 8)}, here ${known.slice(0, 8)})`,
    { hint: "nothing was changed; give the address that the restore printed" },
  );
}

async function knownAuthority(settings: Settings): Promise<string | undefined> {
  const file = await readTextIfPresent(`${settings.dataDir}/server/tls/server-ca.crt`);
  if (file !== undefined) return caHash(file);
  for (const { token } of await findTokens(settings)) {
    const hash = /^K10([0-9a-f]{64})::/.exec(token)?.[1];
    if (hash !== undefined) return hash;
  }
  return undefined;
}

async function fittingToken(
  context: Context,
  input: {
    readonly url: string;
    readonly settings: Settings;
    readonly authority: RemoteAuthority;
  },
): Promise<{ readonly token: string; readonly members: RemoteMember[] }> {
  const { url, settings, authority } = input;
  for (const { token } of await findTokens(settings)) {
    const password = tokenPassword(token);
    const members = await remoteMembers(context.host, url, { authority: authority.pem, password });
    if (members !== undefined) return { token, members };
  }
  throw new OperatorError(
    "precondition",
    "TOKEN_REFUSED",
    `the server at ${url} takes none of the tokens of this host`,
    {
      hint: "nothing was changed; the backup is of another token: copy /var/lib/rancher/k3s/server/token of the restored server into a private file here, name it as token-file: in the K3s configuration, then this again",
    },
  );
}

/** Its database is a member of the cluster there: moved aside, that cluster would lose a vote, or is the old one. */
function memberAlready(
  url: string,
  { runs, votes }: { readonly runs: boolean; readonly votes: boolean },
): OperatorError {
  const what = "this server, with the database that lies here, is a member of the cluster";
  const catchingUp = runs && !votes;
  const next = catchingUp ? "wait a minute, then this again" : "systemctl enable --now k3s";
  return new OperatorError(
    "refused",
    "MEMBER_ALREADY",
    `${what} at ${url} already${catchingUp ? ", and is catching up" : ", so nothing is to be moved aside"}`,
    {
      hint: `when ${url} is the restored server: ${runs && votes ? "nothing is left to do here" : next}; if it was not restored, it still runs the old cluster: give the address that the restore printed`,
    },
  );
}
