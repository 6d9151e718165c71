/** What a restore will do to this host, before it does any of it. */
import { RESTORED_KINDS } from "./runbook.ts";
import { linkStatOf, readBytesIfPresent, statOf } from "../sys/files.ts";
import { sha256Hex } from "../sys/hash.ts";
import { serviceState } from "../k3s/service.ts";
import { readUnit } from "../k3s/unit.ts";
import { STATE_FOLDER } from "./places.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Context } from "./context.ts";
import type { FileChange, Move, RestorePlan } from "./journal.ts";

/** Of `<data-dir>/server`: all that K3s takes for its own state. It is moved aside whole, so that going back is moving back. */
export const STATE_ITEMS = [
  "db/etcd",
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
  readonly keep: boolean;
}

/** Looks at the host and writes down every move and file change; changes nothing. */
export async function planRestore(context: Context, input: PlanInput): Promise<RestorePlan> {
  const { host } = context;
  const now = host.now();
  const stamp = now.toISOString().replace(/[-:]|\.\d+/g, "");
  const id = `${stamp}-${input.manifest.id}`;
  const folder = `${STATE_FOLDER}/restore-${id}`;
  return {
    id,
    started: now.toISOString(),
    archive: input.archive,
    folder,
    dataDir: input.dataDir,
    moves: await movesOf(input.dataDir, stamp),
    files: await fileChanges(input.manifest, folder),
    wasRunning: ["active", "activating"].includes(await serviceState(host)),
    hadUnit: (await readUnit()) !== undefined,
    keep: input.keep,
  };
}

async function movesOf(dataDir: string, stamp: string): Promise<Move[]> {
  const moves: Move[] = [];
  for (const item of STATE_ITEMS) {
    const from = `${dataDir}/server/${item}`;
    if ((await linkStatOf(from)) === undefined) continue;
    moves.push({ from, to: `${dataDir}/server/before-${stamp}/${item.replace("/", "-")}` });
  }
  return moves;
}

/** Only files that differ are touched. */
async function fileChanges(manifest: Manifest, folder: string): Promise<FileChange[]> {
  const changes: FileChange[] = [];
  for (const entry of manifest.entries) {
    if (entry.source === undefined || !RESTORED_KINDS.includes(entry.kind)) continue;
    const target = entry.source;
    const current = await readBytesIfPresent(target);
    const info = await statOf(target);
    const [mode, uid, gid] = [entry.mode & 0o777, entry.uid ?? 0, entry.gid ?? 0];
    const same =
      current !== undefined &&
      sha256Hex(current) === entry.sha256 &&
      info !== undefined &&
      (info.mode & 0o777) === mode;
    if (same) continue;
    changes.push({
      entry: entry.path,
      target,
      kept: current === undefined ? null : `${folder}/before${target}`,
      mode,
      uid,
      gid,
    });
  }
  return changes;
}
