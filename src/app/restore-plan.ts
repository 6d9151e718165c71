/** What a restore will do to this host, before it does any of it. */
import { OperatorError } from "../errors.ts";
import { RESTORED_KINDS } from "./runbook.ts";
import { linkStatOf, readBytesIfPresent, statOf } from "../sys/files.ts";
import { sha256Hex } from "../sys/hash.ts";
import { GUARD_FILE } from "../k3s/guard.ts";
import { localMembership } from "../k3s/members.ts";
import { isReady } from "../k3s/ready.ts";
import { serviceState } from "../k3s/service.ts";
import { readUnit } from "../k3s/unit.ts";
import { datastoreSize } from "./estimate.ts";
import { STATE_FOLDER } from "./places.ts";
import { extraManifests } from "./restore-extra.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { HostFit } from "./host-fit.ts";
import type { FileChange, Move, PeerRecord, RestorePlan } from "./journal.ts";

/** Of `<data-dir>/server`: all that K3s takes for its own state. It is moved aside whole, so that going back is moving back. */
const STATE_ITEMS = [
  "db/etcd",
  "db/reset-flag",
  "db/state.db",
  "db/state.db-wal",
  "db/state.db-shm",
  "tls",
  "cred",
  "token",
  "agent-token",
  "node-token",
];

export interface PlanInput {
  readonly archive: string;
  readonly manifest: Manifest;
  readonly dataDir: string;
  /** Of the K3s on this host as it is now. */
  readonly settings: Settings;
  readonly keep: boolean;
  /** Files made to fit this host; each takes the place of the archive's own. */
  readonly fit: Pick<HostFit, "files">;
  /** The other servers, which must not run; `forced` when somebody else may have their addresses. */
  readonly peers: readonly PeerRecord[];
  readonly forced: boolean;
}

/** Looks at the host and writes down every move and file change; changes nothing. */
export async function planRestore(context: Context, input: PlanInput): Promise<RestorePlan> {
  const { host } = context;
  const now = host.now();
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const id = `${stamp}-${input.manifest.id}`;
  const folder = `${STATE_FOLDER}/restore-${id}`;
  const state = await serviceState(host);
  return {
    id,
    started: now.toISOString(),
    archive: input.archive,
    folder,
    dataDir: input.dataDir,
    moves: [
      ...(await movesOf(input.dataDir, { stamp, items: STATE_ITEMS })),
      ...(await extraManifests(input.manifest, { dataDir: input.dataDir, stamp })),
    ],
    files: await fileChanges(input, folder),
    wasRunning: state === "active" || state === "activating",
    // With the other servers stopped one of several has no quorum, and going back cannot wait for it.
    wasReady:
      state === "active" &&
      !(await isOneOfSeveral(input.dataDir)) &&
      (await isReady(host, input.settings)),
    hadUnit: (await readUnit()) !== undefined,
    keep: input.keep,
    datastore: { kind: input.manifest.datastore.kind, bytes: datastoreSize(input.manifest) },
    peers: [...input.peers],
    forced: input.forced,
  };
}

async function isOneOfSeveral(dataDir: string): Promise<boolean> {
  return ((await localMembership(dataDir))?.members.length ?? 1) > 1;
}

/** Every item, whether it is there or not: going back has to know what was not. */
export async function movesOf(
  dataDir: string,
  options: { readonly stamp: string; readonly items: readonly string[] },
): Promise<Move[]> {
  const { stamp, items } = options;
  const server = `${dataDir}/server`;
  const apart = await hasOwnDevice(server);
  const moves: Move[] = [];
  for (const item of items) {
    const from = `${server}/${item}`;
    await requireMovable(from);
    // A rename does not reach another file system; a database often has a disk of its own.
    const inside = apart && item.startsWith("db/");
    const [base, name] = inside
      ? [`${server}/db`, item.slice(3)]
      : [server, item.replace("/", "-")];
    moves.push({
      from,
      to: `${base}/before-${stamp}/${name}`,
      undone: `${base}/undone-${stamp}/${name}`,
      had: (await linkStatOf(from)) !== undefined,
    });
  }
  return withLogs(moves);
}

/** Log and index of an SQLite database come and go while K3s runs: what is not there now may be after the stop. */
function withLogs(moves: readonly Move[]): Move[] {
  const hasDatabase = moves.some(({ from, had }) => had && from.endsWith("/state.db"));
  return moves.map((one) => (hasDatabase && isDatabaseLog(one.from) ? { ...one, had: true } : one));
}

/** Whether it is a path of SQLite's log or its index. */
export function isDatabaseLog(path: string): boolean {
  return /\/state\.db-(wal|shm)$/.test(path);
}

/** A mount point cannot be renamed, not by us and not by K3s's own reset (`db/etcd-old-…`). */
async function requireMovable(path: string): Promise<void> {
  const [info, parent] = [await linkStatOf(path), await statOf(path.replace(/\/[^/]*$/, ""))];
  // Files may seem to lie on another device than their folder: overlayfs, for one.
  if (info?.isDirectory() !== true || parent === undefined || info.dev === parent.dev) return;
  throw new OperatorError(
    "precondition",
    "MOUNT_POINT",
    `${path} is a mount point of its own, and a restore has to move it aside`,
    {
      hint: `nothing was changed; mount that disk at ${path.replace(/\/[^/]*$/, "")} or above instead, with the data in a folder below`,
    },
  );
}

async function hasOwnDevice(server: string): Promise<boolean> {
  const [whole, db] = [await statOf(server), await statOf(`${server}/db`)];
  return whole !== undefined && db !== undefined && whole.dev !== db.dev;
}

/** Folders with what was there before; empty on a new host. */
export function keptFolders(plan: Pick<RestorePlan, "moves">): string[] {
  const moved = plan.moves.filter(({ had }) => had);
  return [...new Set(moved.map(({ to }) => to.replace(/(\/before-[^/]+)\/.*$/, "$1")))];
}

/** Only files that differ are touched. */
async function fileChanges({ manifest, fit }: PlanInput, folder: string): Promise<FileChange[]> {
  const changes: FileChange[] = [];
  for (const { sha256, ...file } of [...archivedFiles(manifest, fit), ...fit.files]) {
    const current = await readBytesIfPresent(file.target);
    const info = await statOf(file.target);
    const same =
      current !== undefined &&
      sha256Hex(current) === sha256 &&
      info !== undefined &&
      (info.mode & 0o777) === file.mode;
    if (same) continue;
    const isFitted = fit.files.some(({ entry }) => entry === file.entry);
    changes.push({
      ...file,
      kept: current === undefined ? null : `${folder}/before${file.target}`,
      ...(isFitted ? { sha256 } : {}),
    });
  }
  return changes;
}

/** Those that go back as they are. */
function archivedFiles(manifest: Manifest, fit: PlanInput["fit"]): HostFit["files"] {
  return manifest.entries.flatMap((entry) => {
    const { source: target, kind, sha256 } = entry;
    if (target === undefined || !RESTORED_KINDS.includes(kind)) return [];
    if (target === GUARD_FILE) return []; // of another restore, not finished when the backup was made
    if (fit.files.some((one) => one.target === target)) return [];
    const [mode, uid, gid] = [entry.mode & 0o777, entry.uid ?? 0, entry.gid ?? 0];
    return [{ entry: entry.path, target, sha256, mode, uid, gid }];
  });
}

/** Every folder with something of before, files that were replaced included. */
export function keptPlaces(plan: RestorePlan): string[] {
  const places = keptFolders(plan);
  if (plan.files.some(({ kept }) => kept !== null)) places.push(`${plan.folder}/before`);
  return places;
}
