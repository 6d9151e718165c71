/** The etcd members that the database of this host knows, read from its file; etcd may run or not. */
import { openBolt } from "../datastore/bolt.ts";
import { readEtcdMeta } from "../datastore/etcd-meta.ts";
import { OperatorError, systemCode } from "../errors.ts";
import { openFile, readTextIfPresent } from "../sys/files.ts";
import type { Member } from "../datastore/etcd-meta.ts";

export interface Membership {
  readonly members: readonly Member[];
  /** This server's own; undefined when the list does not have it (any more). */
  readonly own: Member | undefined;
  /** Its vote counts, and there are others. */
  readonly isVoter: boolean;
}

/** Undefined when there is no database, or none that can be read. A running etcd may be writing: what is read is one state of it. */
export async function localMembership(dataDir: string): Promise<Membership | undefined> {
  const etcd = `${dataDir}/server/db/etcd`;
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
