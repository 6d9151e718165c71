/** Finding archives: in their folder, by name, by id, by path. */
import { resolve } from "node:path";
import { newestFirst, parseArchiveName } from "../archive/names.ts";
import { parseSidecar, sidecarPath } from "../archive/sidecar.ts";
import { OperatorError, systemCode } from "../errors.ts";
import { readTextIfPresent, statOf } from "../sys/files.ts";
import { entriesIn } from "../sys/folder-entries.ts";
import { archivesMeant } from "./own-archives.ts";
import type { ArchiveName } from "../archive/names.ts";
import type { Sidecar } from "../archive/sidecar.ts";
import type { FolderEntry } from "../sys/folder-entries.ts";
import type { Host } from "../sys/host.ts";

export interface FoundArchive extends ArchiveName {
  /** File name. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** What the file beside it says; undefined when there is none or it cannot be read. */
  readonly sidecar: Sidecar | undefined;
}

export interface ArchiveFolder {
  /** Newest first, by the time in the name. */
  readonly archives: readonly FoundArchive[];
  /** Names that look like archives but are links, folders or devices: not used, since they may point anywhere. */
  readonly ignored: readonly string[];
}

/**
 * The archives in a folder; other files are passed over. Throws an
 * OperatorError, exit notFound, `NO_ARCHIVE_FOLDER` when there is no such folder.
 */
export async function readArchiveFolder(directory: string): Promise<ArchiveFolder> {
  const entries = await listFolder(directory);
  const archives: FoundArchive[] = [];
  const ignored: string[] = [];
  for (const entry of entries) {
    const parts = parseArchiveName(entry.name);
    if (parts === undefined) continue;
    if (entry.kind !== "file") {
      ignored.push(entry.name);
      continue;
    }
    const sidecar = await readSidecar(entry.path);
    archives.push({ ...parts, name: entry.name, path: entry.path, size: entry.size, sidecar });
  }
  return { archives: archives.sort(newestFirst), ignored };
}

/** The archives of `readArchiveFolder`; empty when there are none. */
export async function findArchives(directory: string): Promise<readonly FoundArchive[]> {
  return (await readArchiveFolder(directory)).archives;
}

/** As `readArchiveFolder`, but a folder without archives is an OperatorError `NO_ARCHIVE`, exit notFound. */
export async function requireArchives(directory: string): Promise<ArchiveFolder> {
  const folder = await readArchiveFolder(directory);
  if (folder.archives.length > 0) return folder;
  throw new OperatorError("notFound", "NO_ARCHIVE", `there is no archive in ${directory}`, {
    hint: "make one with: railiance-cluster backup; or give another folder with --dir",
  });
}

export interface Wanted {
  /** A path, a file name in the folder, or an id (or its first 4 or more digits); undefined: the newest of `archivesMeant`. */
  readonly archive: string | undefined;
  readonly directory: string;
}

/**
 * The absolute path of the archive that is wanted. Throws OperatorErrors, exit
 * notFound (`NO_ARCHIVE…`) or usage (`ARCHIVE_AMBIGUOUS`, and those of `archivesMeant`).
 */
export async function resolveArchive(
  host: Pick<Host, "hostname">,
  { archive: reference, directory }: Wanted,
): Promise<string> {
  if (reference === undefined) return (await newestMeant(host, directory)).path;
  if (reference.includes("/")) return requireFile(resolve(reference));
  const archives = (await statOf(directory)) === undefined ? [] : await findArchives(directory);
  const named = archives.find(({ name }) => name === reference);
  if (named !== undefined) return named.path;
  const byId = /^[0-9a-f]{4,8}$/.test(reference)
    ? archives.filter(({ id }) => id.startsWith(reference))
    : [];
  const [first, second] = byId;
  if (second !== undefined) {
    throw new OperatorError(
      "usage",
      "ARCHIVE_AMBIGUOUS",
      `${reference} is the beginning of ${byId.length} archive ids in ${directory}`,
      { hint: "give more digits or the file name; railiance-cluster list shows them" },
    );
  }
  return first?.path ?? requireFile(resolve(reference), directory);
}

async function newestMeant(host: Pick<Host, "hostname">, directory: string): Promise<FoundArchive> {
  const { archives } = await requireArchives(directory);
  const [newest] = archivesMeant({ directory, archives }, host.hostname);
  if (newest === undefined) throw new TypeError("there are archives, and none is meant");
  return newest;
}

/** Reads the sidecar of an archive; undefined when there is none or it is broken. */
export async function readSidecar(archivePath: string): Promise<Sidecar | undefined> {
  try {
    const text = await readTextIfPresent(sidecarPath(archivePath));
    return text === undefined ? undefined : parseSidecar(text);
  } catch (error) {
    if (systemCode(error) !== undefined) return undefined;
    throw error;
  }
}

async function listFolder(directory: string): Promise<readonly FolderEntry[]> {
  let entries: FolderEntry[] | undefined;
  try {
    entries = await entriesIn(directory);
  } catch (error) {
    if (systemCode(error) !== "EACCES") throw error;
    throw new OperatorError("precondition", "FOLDER_CLOSED", `${directory} may not be read`, {
      hint: "run this as root",
      cause: error,
    });
  }
  if (entries !== undefined) return entries;
  throw new OperatorError(
    "notFound",
    "NO_ARCHIVE_FOLDER",
    `the archive folder ${directory} does not exist`,
    { hint: "is its disk mounted? Give another folder with --dir, or make a first backup" },
  );
}

async function requireFile(path: string, directory?: string): Promise<string> {
  const info = await statOf(path);
  if (info?.isFile() === true) return path;
  const where = directory === undefined ? "" : ` and no such archive in ${directory}`;
  const what = info === undefined ? `there is no file ${path}${where}` : `${path} is not a file`;
  throw new OperatorError("notFound", "NO_ARCHIVE", what, {
    hint: "railiance-cluster list shows the archives; --dir names their folder",
  });
}
