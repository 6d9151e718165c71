/** What lies in `<data-dir>/server` that a start or a reset of K3s takes notice of, or has left. */
import { linkStatOf, namesIn, statOf } from "../sys/files.ts";

export interface OldEtcd {
  readonly path: string;
  /** From its name: when a reset moved it aside. */
  readonly moved: Date;
  /** It holds `member/wal`, and so a database; the remains of a reset without one hold none (k3s-observed.md 13). */
  readonly whole: boolean;
}

export interface OldTls {
  readonly path: string;
  readonly moved: Date;
}

export interface ServerFolder {
  /** Absolute: `<data-dir>/server`. */
  readonly path: string;
  readonly db: string;
  /**
   * `database`: with `member/wal`, which is all that K3s asks for; `torso`: parts of one, left by a reset
   * that did not end; `tombstone`: this member was removed from its cluster.
   */
  readonly etcd: "database" | "torso" | "tombstone" | "missing";
  /** Oldest first. */
  readonly etcdOld: readonly OldEtcd[];
  readonly tlsOld: readonly OldTls[];
  readonly resetFlag: boolean;
  /** SQLite's file and when it was made. */
  readonly database: { readonly path: string; readonly made: Date } | undefined;
  /** What is left of SQLite once K3s moved it to etcd. */
  readonly migrated: string | undefined;
}

/** Reads names and file modes alone; nothing is opened. An absent folder is an empty one. */
export async function readServerFolder(dataDir: string): Promise<ServerFolder> {
  const path = `${dataDir}/server`;
  const db = `${path}/db`;
  const names = await namesIn(db);
  const etcdOld: OldEtcd[] = [];
  for (const [name, moved] of stamped(names, "etcd-old")) {
    const wal = await statOf(`${db}/${name}/member/wal`);
    etcdOld.push({ path: `${db}/${name}`, moved, whole: wal?.isDirectory() === true });
  }
  const tls = stamped(await namesIn(path), "tls");
  const state = await statOf(`${db}/state.db`);
  return {
    path,
    db,
    etcd: await etcdIn(db, names),
    etcdOld,
    tlsOld: tls.map(([name, moved]) => ({ path: `${path}/${name}`, moved })),
    resetFlag: names.includes("reset-flag"),
    database:
      state?.isFile() === true ? { path: `${db}/state.db`, made: state.birthtime } : undefined,
    migrated: names.includes("state.db.migrated") ? `${db}/state.db.migrated` : undefined,
  };
}

async function etcdIn(db: string, names: readonly string[]): Promise<ServerFolder["etcd"]> {
  if ((await linkStatOf(`${db}/etcd/tombstone`)) !== undefined) return "tombstone";
  if ((await statOf(`${db}/etcd/member/wal`))?.isDirectory() === true) return "database";
  return names.includes("etcd") ? "torso" : "missing";
}

/** `etcd-old-1795439532` and its time, oldest first. */
function stamped(names: readonly string[], prefix: string): [string, Date][] {
  const found = names.flatMap((name): [string, Date][] => {
    const [, unix] = new RegExp(`^${prefix}-(\\d{9,11})$`).exec(name) ?? [];
    return unix === undefined ? [] : [[name, new Date(Number(unix) * 1000)]];
  });
  return found.sort(([, left], [, right]) => left.getTime() - right.getTime());
}
