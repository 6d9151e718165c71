/** The etcd members that the database of this host knows, read from its file; etcd may run or not. */
import { openBolt } from "../datastore/bolt.ts";
import { readEtcdMeta } from "../datastore/etcd-meta.ts";
import { OperatorError, systemCode } from "../errors.ts";
import { openFile, readTextIfPresent, statOf } from "../sys/files.ts";
import { UNINTERRUPTED } from "../sys/host.ts";
import { pause } from "../sys/pause.ts";
import type { Member } from "../datastore/etcd-meta.ts";

export interface Membership {
  readonly members: readonly Member[];
  /** This server's own; undefined when the list does not have it (any more). */
  readonly own: Member | undefined;
  /** Its vote counts, and there are others. */
  readonly isVoter: boolean;
}

/** A running etcd writes ten times a second, and gives the pages of what was read to something else. */
const ATTEMPTS = 10;
const INTERVAL = 70;

/** Undefined when there is no database, or none that can be read, not in several attempts either. */
export async function localMembership(dataDir: string): Promise<Membership | undefined> {
  const etcd = `${dataDir}/server/db/etcd`;
  if ((await statOf(`${etcd}/member/snap/db`)) === undefined) return undefined;
  for (let attempt = 1; ; attempt += 1) {
    const found = await readOnce(etcd);
    if (found !== undefined || attempt >= ATTEMPTS) return found;
    await pause(INTERVAL, UNINTERRUPTED);
  }
}

/** The name of this server's own member, which no other one ever has; undefined when it has none. */
export async function ownMemberName(dataDir: string): Promise<string | undefined> {
  const name = (await readTextIfPresent(`${dataDir}/server/db/etcd/name`))?.trim();
  return name === "" ? undefined : name;
}

async function readOnce(etcd: string): Promise<Membership | undefined> {
  try {
    await using file = await openFile(`${etcd}/member/snap/db`);
    const { members, voters } = await readEtcdMeta(await openBolt(file));
    const name = (await readTextIfPresent(`${etcd}/name`))?.trim();
    const own = members.find((member) => member.name === name);
    const isVoter = own !== undefined && members.length > 1 && voters?.includes(own.id) === true;
    return { members, own, isVoter };
  } catch (error) {
    if (error instanceof OperatorError) return undefined;
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** K3s names a member `<node>-<8 hex>` (k3s pkg/etcd/etcd.go, setName). */
export function nodeOfMember(name: string): string {
  return name.replace(/-[0-9a-f]{8}$/, "");
}

/** The host part of a URL, without brackets; "" when it is none. */
export function hostOfUrl(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.replace(/^\[(.*)\]$/, "$1") : "";
}
