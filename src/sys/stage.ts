/** A private folder for plaintext on its way in or out: 0700, wiped on every way out. */
import { mkdir, mkdtemp, open, readdir, rm, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { OperatorError, messageOf } from "../errors.ts";
import { syncFolder } from "./atomic.ts";

/** Stages of killed runs are found by this prefix and wiped at the next start. */
export const STAGE_PREFIX = "railiance-stage-";

export interface Stage extends AsyncDisposable {
  readonly path: string;
  /** Writes a file (0600) below the stage, making folders as needed, and with `sync` to the disk; returns its absolute path. */
  write(
    relativePath: string,
    content: string | Uint8Array,
    options?: { readonly sync?: boolean },
  ): Promise<string>;
  /** Makes a symbolic link below the stage; what it points to is not touched when the stage is wiped. */
  link(relativePath: string, target: string): Promise<void>;
}

/** Makes a stage in `parent`, which must exist. */
export async function createStage(parent: string): Promise<Stage> {
  const path = await mkdtemp(join(parent, STAGE_PREFIX)); // 0700 by mkdtemp(3)
  return {
    path,
    async write(relativePath, content, options = {}) {
      const target = join(path, relativePath);
      await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      const handle = await open(target, "wx", 0o600);
      try {
        await handle.writeFile(content);
        if (options.sync === true) await handle.sync();
      } finally {
        await handle.close();
      }
      if (options.sync === true) await syncFolder(dirname(target));
      return target;
    },
    async link(relativePath, target) {
      const place = join(path, relativePath);
      await mkdir(dirname(place), { recursive: true, mode: 0o700 });
      await symlink(target, place);
    },
    async [Symbol.asyncDispose]() {
      await wipe(path);
    },
  };
}

/** Tries again what failed, since it is plaintext; a disk that goes on failing is told with the place. */
async function wipe(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      throw new OperatorError(
        "error",
        "PLAINTEXT_LEFT",
        `plaintext could not be removed from ${path}: ${messageOf(error)}`,
        {
          hint: `remove it: rm -r ${path}; the next run tries it too; railiance-cluster list shows which backups there are`,
          cause: error,
        },
      );
    }
  }
}

/** Removes stages that a killed run left in `parent`. Call only while holding the lock. Returns their names. */
export async function wipeStaleStages(parent: string): Promise<string[]> {
  const stale = (await readdir(parent).catch(() => [])).filter((name) =>
    name.startsWith(STAGE_PREFIX),
  );
  for (const name of stale) await rm(join(parent, name), { recursive: true, force: true });
  return stale;
}
