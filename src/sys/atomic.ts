/**
 * Files that appear under their final name only when complete and synced:
 * temp file in the same folder, fsync, rename, fsync of the folder (as restic's
 * local backend does).
 */
import { randomBytes } from "node:crypto";
import { link, lstat, open, readdir, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { FileHandle } from "node:fs/promises";
import { systemCode } from "../errors.ts";
import { forgetCached } from "./libc.ts";
import { unlinkIfThere } from "./unlink.ts";

/** Temp names start so; whoever finds one after a kill may remove it. */
export const TEMP_PREFIX = ".railiance-tmp-";

export interface AtomicFile extends AsyncDisposable {
  /** Where the bytes are until `commit`. */
  readonly tempPath: string;
  write(chunk: Uint8Array): Promise<void>;
  /** Writes everything to the disk and out of memory; call before reading back, or the memory is all that is read. */
  sync(): Promise<void>;
  /** Gives the file its name. With `replace: false` (the default) an existing file is an error `EEXIST`. */
  commit(options?: { readonly replace?: boolean }): Promise<void>;
}

/**
 * Begins a file. Unless `commit` was called, disposing removes what was
 * written. `mode` is set exactly, whatever the umask.
 */
export async function createAtomicFile(
  path: string,
  options: { readonly mode?: number } = {},
): Promise<AtomicFile> {
  const folder = dirname(path);
  const tempPath = join(
    folder,
    `${TEMP_PREFIX}${shortened(basename(path))}-${randomBytes(6).toString("hex")}`,
  );
  const handle = await open(tempPath, "wx", 0o600);
  let open_: FileHandle | undefined = handle;
  let committed = false;
  const close = async (): Promise<void> => {
    const closing = open_;
    open_ = undefined;
    await closing?.close();
  };
  return {
    tempPath,
    async write(chunk) {
      let offset = 0;
      while (offset < chunk.length) {
        const { bytesWritten } = await handle.write(chunk, offset, chunk.length - offset);
        offset += bytesWritten;
      }
    },
    async sync() {
      await handle.sync();
      await forgetCached(handle.fd);
    },
    async commit(commitOptions = {}) {
      await handle.chmod(options.mode ?? 0o600);
      await handle.sync();
      await close();
      if (commitOptions.replace === true) await rename(tempPath, path);
      else await linkNew(tempPath, path);
      committed = true;
      try {
        await syncFolder(folder);
      } catch (error) {
        // Whoever is told that it failed must not find it all the same; what was replaced is gone either way.
        if (commitOptions.replace !== true) await unlinkIfThere(path);
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      await close();
      if (!committed) await unlinkIfThere(tempPath);
    },
  };
}

/** Bytes of a name that are kept: room for the longest archive's, by which its host is known; a file name has 255. */
const KEPT = 200;

function shortened(name: string): string {
  return Buffer.from(name).subarray(0, KEPT).toString();
}

/** Writes a small file atomically, replacing what is there. */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  options: { readonly mode?: number } = {},
): Promise<void> {
  await using file = await createAtomicFile(path, options);
  await file.write(typeof content === "string" ? new TextEncoder().encode(content) : content);
  await file.commit({ replace: true });
}

/**
 * Removes temp files that killed runs left directly in `folder`; only regular
 * files with our prefix whose name `isOurs` accepts. Call only while holding
 * the lock. Returns their names; a missing folder has none.
 */
export async function wipeStaleTemps(
  folder: string,
  isOurs: (name: string) => boolean = () => true,
): Promise<string[]> {
  const removed: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile() || !entry.name.startsWith(TEMP_PREFIX)) continue;
    if (!isOurs(entry.name.slice(TEMP_PREFIX.length))) continue;
    await unlinkIfThere(join(folder, entry.name));
    removed.push(entry.name);
  }
  return removed;
}

/** Makes renames and removals in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } catch (error) {
    // FAT by FUSE and some network mounts cannot sync a folder; the file itself is synced.
    if (!["EINVAL", "ENOTSUP", "EOPNOTSUPP"].includes(systemCode(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

/** rename() replaces silently; link() then unlink() does not. */
async function linkNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    // FAT, exFAT and some network mounts have no hard links: a USB stick, say.
    if (!["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"].includes(systemCode(error) ?? "")) {
      throw error;
    }
    await renameNew(from, to);
    return;
  }
  try {
    await unlink(from);
  } catch (error) {
    await unlinkIfThere(to);
    throw error;
  }
}

async function renameNew(from: string, to: string): Promise<void> {
  const there = await lstat(to).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  });
  if (there !== undefined) {
    throw Object.assign(new Error(`EEXIST: file already exists, '${to}'`), { code: "EEXIST" });
  }
  await rename(from, to);
}
