/** What a restore by hand left on this host, and which database each piece of it is. */
import { identityInEtcd, traceInEtcd, traceInSqlite } from "../datastore/cluster-trace.ts";
import { openBolt } from "../datastore/bolt.ts";
import { tokenHash, tokenPassword } from "../datastore/token.ts";
import { OperatorError } from "../errors.ts";
import { readServerFolder } from "../k3s/server-folder.ts";
import { serverPassword } from "../k3s/tokens.ts";
import { linkStatOf, openFile, readTextIfPresent } from "../sys/files.ts";
import { SqlError, openSqlite } from "../sys/sqlite.ts";
import type { ClusterIdentity, ClusterTrace } from "../datastore/cluster-trace.ts";
import type { OldEtcd, ServerFolder } from "../k3s/server-folder.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Host } from "../sys/host.ts";

/** What could be read of a database; the figures only when they were asked for. */
export type Trace = ClusterIdentity & Partial<ClusterTrace>;

export interface Candidate {
  readonly old: OldEtcd;
  /** Undefined when it cannot be read. */
  readonly trace: Trace | undefined;
}

export interface AttemptFacts {
  readonly folder: ServerFolder;
  /** Databases that resets moved aside, oldest first. */
  readonly candidates: readonly Candidate[];
  /** Of what a start of K3s takes now: etcd, else SQLite. */
  readonly current: Trace | undefined;
  /** Hashes of the password in `cred/passwd` and of the token in the configuration. */
  readonly passwd: string | undefined;
  readonly configured: string | undefined;
}

const TRIES = 4;
/** Bytes of a database whose every page `doctor` reads; of a larger one only whose it is. */
const LARGEST_READ = 1024 * 1024 * 1024;

/**
 * Looks at the server's folder, and into databases when a reset has moved one aside.
 * `figures` looks into them always, counts their keys and finds the last sign of life,
 * which reads every page. Changes nothing. Throws the system's errors.
 */
export async function readAttempt(
  host: Host,
  settings: Settings,
  options: { readonly figures: boolean },
): Promise<AttemptFacts> {
  const folder = await readServerFolder(settings.dataDir);
  const whole = folder.etcdOld.filter((old) => old.whole);
  const candidates: Candidate[] = [];
  for (const old of whole) {
    candidates.push({ old, trace: await etcdAt(host, old.path, options) });
  }
  const asked = options.figures || whole.length > 0 || folder.resetFlag;
  const current = asked ? await currentOf(host, folder, options) : undefined;
  return { folder, candidates, current, ...(await hashesOf(settings)) };
}

async function currentOf(
  host: Host,
  folder: ServerFolder,
  options: { readonly figures: boolean },
): Promise<Trace | undefined> {
  if (folder.etcd === "database") return await etcdAt(host, `${folder.db}/etcd`, options);
  return folder.database === undefined ? undefined : await sqliteAt(folder.database.path);
}

async function etcdAt(
  host: Host,
  path: string,
  options: { readonly figures: boolean },
): Promise<Trace | undefined> {
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    try {
      await using file = await openFile(`${path}/member/snap/db`);
      const { transaction } = (await openBolt(file)).meta;
      const trace =
        options.figures && file.size <= LARGEST_READ
          ? await traceInEtcd(file, { signal: host.signal })
          : await identityInEtcd(file);
      // etcd may write meanwhile. bolt leaves the pages of a transaction alone until it has
      // committed the next one; after that a key may seem missing, but none is made up.
      const still = (await openBolt(file)).meta.transaction === transaction;
      if (still || trace.uid !== undefined) return trace;
    } catch (error) {
      host.signal.throwIfAborted();
      if (!isDamage(error)) throw error;
    }
  }
  return undefined;
}

/**
 * Without the index of its log SQLite would make one, and this is to change nothing;
 * K3s has it while it runs, and keeps it when it stops.
 */
export async function sqliteAt(path: string): Promise<Trace | undefined> {
  if ((await linkStatOf(`${path}-shm`)) === undefined) return undefined;
  try {
    using database = openSqlite(path);
    return traceInSqlite(database);
  } catch (error) {
    if (error instanceof SqlError || isDamage(error)) return undefined;
    throw error;
  }
}

/** Cut, foreign or half written; a missing file counts too: a torso has none. */
function isDamage(error: unknown): boolean {
  if (error instanceof OperatorError || error instanceof RangeError) return true;
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

async function hashesOf(settings: Settings): Promise<Pick<AttemptFacts, "passwd" | "configured">> {
  const passwd = await readTextIfPresent(`${settings.dataDir}/server/cred/passwd`);
  const file = settings.one("token-file"); // counts before `token` (k3s-observed.md 9.2)
  const token = file === undefined ? settings.one("token") : await readTextIfPresent(file);
  return { passwd: hashOf(serverPassword(passwd ?? "")), configured: hashOf(token) };
}

function hashOf(token: string | undefined): string | undefined {
  if (token === undefined || token.trim() === "") return undefined;
  try {
    return tokenHash(tokenPassword(token));
  } catch (error) {
    if (error instanceof OperatorError) return undefined; // no token K3s would take
    throw error;
  }
}
