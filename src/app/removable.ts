/** What this program and K3s have moved aside on this host. It is never removed by us; here is what each piece is. */
import * as v from "valibot";
import { linkStatOf, namesIn, readTextIfPresent, statOf } from "../sys/files.ts";
import { roomTaken } from "../sys/folder-size.ts";
import { STATE_FOLDER } from "./places.ts";
import { shellWord } from "./shell-quote.ts";
import type { RestorePlan } from "./journal.ts";
import type { ServerFolder } from "../k3s/server-folder.ts";

export interface Removable {
  readonly path: string;
  /** One phrase. */
  readonly what: string;
  readonly made: Date;
  /** The archive whose restore moved it aside; undefined when that is not known, or it was no restore of ours. */
  readonly from: string | undefined;
  /** Bytes on the disk. */
  readonly bytes: number;
  /** The command that removes it. */
  readonly command: string;
}

export interface RemovableInput {
  readonly folder: ServerFolder;
  /** Which database is the real one is not settled: those that resets kept are not needless then. */
  readonly inDoubt: boolean;
  /** Of a restore that is not finished: what it moved aside is still needed. */
  readonly unfinished: RestorePlan | undefined;
  /** The journal cannot be read: nothing of ours can be told needless. */
  readonly journalDamaged: boolean;
  /** Default: the one of this program. */
  readonly stateFolder?: string;
}

interface Piece {
  readonly path: string;
  readonly what: string;
  readonly made: Date | undefined;
  readonly from?: string | undefined;
}

/** Everything moved aside that nothing on this host needs any more, the newest first. */
export async function listRemovable(input: RemovableInput): Promise<readonly Removable[]> {
  const ours = input.journalDamaged ? [] : await movedByUs(input);
  const found: Removable[] = [];
  for (const { path, what, made, from } of [...ours, ...movedByOthers(input)]) {
    const info = await linkStatOf(path);
    if (info === undefined) continue;
    found.push({
      path,
      what,
      made: made ?? info.mtime,
      from,
      bytes: await roomTaken(path),
      command: `rm -r -- ${shellWord(path)}`,
    });
  }
  return found.sort((left, right) => right.made.getTime() - left.made.getTime());
}

const WHATS: Readonly<Record<string, string>> = {
  before: "data from before a restore",
  undone: "data of a restore that was undone",
  unfinished: "parts of a reset that was cut off",
  aside: "moved aside by hand, as doctor said",
  "newer-than-database": "files that K3s took for newer than a restored database",
};
const OURS =
  /^(before|undone|unfinished|aside|newer-than-database)-(?:etcd-|\d{8}T\d+Z-)?(\d{8}T\d{6}Z)$/;

async function movedByUs(input: RemovableInput): Promise<Piece[]> {
  const { folder, unfinished } = input;
  const state = input.stateFolder ?? STATE_FOLDER;
  const records = await recordsIn(state);
  const pieces: Piece[] = [];
  for (const parent of [folder.path, folder.db]) {
    for (const name of await namesIn(parent)) {
      const [, word = "", stamp = ""] = OURS.exec(name) ?? [];
      if (stamp === "" || unfinished?.id.startsWith(stamp) === true) continue;
      const record = records.find(({ id }) => id.startsWith(stamp));
      const made = timeOf(stamp);
      pieces.push({
        path: `${parent}/${name}`,
        what: WHATS[word] ?? word,
        made,
        from: record?.archive,
      });
    }
  }
  for (const { path, id, archive } of records) {
    if (path === unfinished?.folder) continue;
    const what =
      (await statOf(`${path}/before`)) === undefined
        ? "record of a restore"
        : "files from before a restore";
    pieces.push({ path, what, made: timeOf(id.slice(0, 16)), from: archive });
  }
  return pieces;
}

interface RestoreRecord {
  readonly path: string;
  readonly id: string;
  readonly archive: string | undefined;
}

const recordSchema = v.object({ plan: v.object({ archive: v.string() }) });

async function recordsIn(state: string): Promise<RestoreRecord[]> {
  const records: RestoreRecord[] = [];
  for (const name of await namesIn(state)) {
    const [, id] = /^restore-(\d{8}T\d{6}Z-\w+)$/.exec(name) ?? [];
    if (id === undefined) continue;
    const path = `${state}/${name}`;
    records.push({ path, id, archive: archiveIn(await readTextIfPresent(`${path}/journal`)) });
  }
  return records;
}

/** From the first line of a journal that was filed away. */
function archiveIn(journal: string | undefined): string | undefined {
  try {
    const result = v.safeParse(recordSchema, JSON.parse(journal?.split("\n")[0] ?? ""));
    return result.success ? result.output.plan.archive : undefined;
  } catch {
    return undefined;
  }
}

/** K3s's own: what its resets move aside. The database that a failed attempt needs is not among them. */
function movedByOthers({ folder, inDoubt }: RemovableInput): Piece[] {
  const pieces: Piece[] = folder.etcdOld
    .filter(({ whole }) => !(inDoubt && whole))
    .map(({ path, moved, whole }) => ({
      path,
      what: whole
        ? "database from before a reset by hand"
        : "remains of a reset, without a database",
      made: moved,
    }));
  if (!inDoubt) {
    for (const { path, moved } of folder.tlsOld) {
      pieces.push({ path, what: "keys from before a reset", made: moved });
    }
  }
  if (folder.migrated !== undefined && folder.etcd === "database") {
    pieces.push({
      path: folder.migrated,
      what: "SQLite database from before K3s moved it to etcd",
      made: undefined,
    });
  }
  return pieces;
}

/** `20261123T023107Z` as a time. */
function timeOf(stamp: string): Date | undefined {
  const text = stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z");
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}
