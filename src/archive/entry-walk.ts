/** Goes through an archive's entries beside its manifest: the same names, in the same order, with the same bytes. */
import { bodyCheck, sizeCheck } from "./hashed-body.ts";
import { refused } from "./refused.ts";
import { MANIFEST_PATH, RUNBOOK_PATH, shownPath } from "./tar-path.ts";
import type { BodyCheck, Difference } from "./hashed-body.ts";
import type { Entry, Manifest } from "./manifest.ts";
import type { TarReader } from "./tar-read.ts";

/** Whether the caller itself compares the entry's SHA-256, so that it is not computed twice. */
export type HashedByCaller = (entry: Entry) => boolean;

export interface EntryWalk {
  /** Checks the rest of the entry before and goes on to the next; undefined at the proven end. */
  next(): Promise<Entry | undefined>;
  /** The next piece of `entry`, checked; undefined when it is complete. */
  read(entry: Entry): Promise<Uint8Array | undefined>;
}

/**
 * Walks the entries of a tar that stands behind its manifest. Every difference
 * is an OperatorError `ENTRY_…`; after a failure every call fails the same way,
 * so that no caller can take a broken archive for a finished one.
 */
export function entryWalk(
  tar: TarReader,
  options: { readonly manifest: Manifest; readonly hashedByCaller: HashedByCaller },
): EntryWalk {
  const { manifest, hashedByCaller } = options;
  const listed = new Map(manifest.entries.map((entry, index) => [entry.path, index]));
  let index = -1;
  let ended = false;
  let failure: { readonly error: unknown } | undefined;
  let current: { entry: Entry; check: BodyCheck } | undefined;
  const sticky = async <T>(action: () => Promise<T>): Promise<T> => {
    if (failure !== undefined) throw failure.error;
    try {
      return await action();
    } catch (error) {
      failure = { error };
      throw error;
    }
  };
  const readCurrent = async (entry: Entry): Promise<Uint8Array | undefined> => {
    if (current?.entry !== entry) return undefined;
    const piece = await tar.read();
    if (piece !== undefined) current.check.add(piece);
    else {
      current.check.end();
      current = undefined;
    }
    return piece;
  };
  const nextEntry = async (): Promise<Entry | undefined> => {
    while (current !== undefined) await readCurrent(current.entry);
    if (ended) return undefined;
    const header = await tar.next();
    index += 1;
    const due = manifest.entries[index];
    if (header === undefined) {
      if (due !== undefined) throw missing(due);
      ended = true;
      return undefined;
    }
    if (due?.path !== header.path) throw wrongEntry(header.path, { due, listed, index });
    const fail = (how: Difference): Error => entryDiffers(due.path, how);
    const check = hashedByCaller(due) ? sizeCheck(due.size, fail) : bodyCheck(due, fail);
    current = { entry: due, check };
    return due;
  };
  return {
    read: (entry) => sticky(() => readCurrent(entry)),
    next: () => sticky(nextEntry),
  };
}

function wrongEntry(
  path: string,
  place: {
    readonly due: Entry | undefined;
    readonly listed: ReadonlyMap<string, number>;
    readonly index: number;
  },
): Error {
  const position = place.listed.get(path);
  if (position === undefined && path !== RUNBOOK_PATH && path !== MANIFEST_PATH) {
    return refused(
      "ENTRY_UNLISTED",
      `${shownPath(path)} is in the archive but not in its manifest`,
    );
  }
  if (position === undefined || position < place.index) {
    return refused("ENTRY_DUPLICATE", `${shownPath(path)} is in the archive twice`);
  }
  const due = shownPath(place.due?.path ?? "the end");
  return refused("ENTRY_ORDER", `${shownPath(path)} stands in the archive where ${due} is due`);
}

function entryDiffers(path: string, difference: Difference): Error {
  return difference === "size"
    ? refused("ENTRY_SIZE", `${shownPath(path)} has another size than the manifest says`)
    : refused("ENTRY_HASH", `${shownPath(path)} has another SHA-256 than the manifest says`);
}

function missing(entry: Entry): Error {
  return refused("ENTRY_MISSING", `${shownPath(entry.path)} is missing from the archive`);
}
