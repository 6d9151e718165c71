/** Where archives go: a private, real, writable folder, or one new file. */
import { access, constants, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { OperatorError, systemCode } from "../errors.ts";
import { linkStatOf, statOf } from "./files.ts";
import { explainWriteError } from "./write-errors.ts";

/**
 * Checks the folder before any work is done. `create` makes it (0700) when it
 * is missing, which is right only for the default: a folder the operator named
 * may be a disk that is not mounted. Throws OperatorErrors `FOLDER_…`.
 */
export async function prepareArchiveFolder(
  path: string,
  options: { readonly create: boolean },
): Promise<void> {
  if (options.create && (await inspect(path)) === undefined) await make(path);
  const info = await inspect(path);
  if (info === undefined) throw missing(path);
  if (info.isSymbolicLink()) {
    throw new OperatorError(
      "refused",
      "FOLDER_IS_LINK",
      `the archive folder ${path} is a symbolic link`,
      {
        hint: "give the folder it points to with --dir, so that nobody can redirect a backup",
      },
    );
  }
  if (!info.isDirectory()) throw noFolder(path);
  if ((info.mode & 0o077) !== 0) {
    throw new OperatorError(
      "refused",
      "FOLDER_OPEN",
      `the archive folder ${path} is open to other users (mode ${(info.mode & 0o777).toString(8)})`,
      {
        hint: `close it: chmod 0700 ${path} (a FAT or NTFS disk knows no modes: mount it with umask=077)`,
      },
    );
  }
  await requireWritable(path, "--dir");
}

/**
 * Checks the place of one archive that the operator named. Throws OperatorErrors
 * `OUTPUT_EXISTS` (exit refused) or `FOLDER_…`.
 */
export async function prepareOutputFile(path: string): Promise<void> {
  const folder = dirname(path);
  const info = await statOf(folder);
  if (info === undefined) throw missing(folder);
  if (!info.isDirectory()) throw noFolder(folder);
  if ((await linkStatOf(path)) !== undefined) throw outputExists(path);
  await requireWritable(folder, "-o");
}

/** What stands where an archive should go is never replaced. */
export function outputExists(path: string): OperatorError {
  return new OperatorError("refused", "OUTPUT_EXISTS", `${path} exists already`, {
    hint: "nothing was changed; give another name, or move that file away",
  });
}

/** lstat; a path that leads through a file is as good as missing. */
async function inspect(path: string): ReturnType<typeof linkStatOf> {
  try {
    return await linkStatOf(path);
  } catch (error) {
    if (systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

async function make(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    // Something that is no folder stands on the way to it.
    if (["ENOTDIR", "EEXIST", "ENOENT"].includes(systemCode(error) ?? "")) throw noFolder(path);
    throw explainWriteError(error, path);
  }
}

async function requireWritable(path: string, flag: "--dir" | "-o"): Promise<void> {
  try {
    await access(path, constants.W_OK);
  } catch (error) {
    const code = systemCode(error);
    const reason =
      code === "EROFS"
        ? "is on a read-only file system"
        : `cannot be written to (${code ?? "no access"})`;
    throw new OperatorError("precondition", "FOLDER_READ_ONLY", `the folder ${path} ${reason}`, {
      hint: `mount it writable (mount -o remount,rw ...; dmesg tells why it is not), or write elsewhere with ${flag}`,
      cause: error,
    });
  }
}

function missing(path: string): OperatorError {
  return new OperatorError(
    "precondition",
    "FOLDER_MISSING",
    `the archive folder ${path} does not exist`,
    {
      hint: `is its disk mounted? If it is meant to be there: install -d -m 0700 ${path}`,
    },
  );
}

function noFolder(path: string): OperatorError {
  return new OperatorError("precondition", "FOLDER_MISSING", `${path} is not a folder`, {
    hint: "move away what stands there, or give a folder with --dir",
  });
}
