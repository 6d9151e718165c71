/** The folder that archives are kept in: private, real, writable. */
import { access, constants, mkdir } from "node:fs/promises";
import { OperatorError, systemCode } from "../errors.ts";
import { linkStatOf } from "./files.ts";

/**
 * Checks the folder before any work is done. `create` makes it (0700) when it
 * is missing, which is right only for the default: a folder the operator named
 * may be a disk that is not mounted. Throws OperatorErrors `FOLDER_…`.
 */
export async function prepareArchiveFolder(
  path: string,
  options: { readonly create: boolean },
): Promise<void> {
  if (options.create) await mkdir(path, { recursive: true, mode: 0o700 });
  const info = await linkStatOf(path);
  if (info === undefined) {
    throw new OperatorError(
      "precondition",
      "FOLDER_MISSING",
      `the archive folder ${path} does not exist`,
      {
        hint: `is its disk mounted? If it is meant to be there: install -d -m 0700 ${path}`,
      },
    );
  }
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
  if (!info.isDirectory()) {
    throw new OperatorError("precondition", "FOLDER_MISSING", `${path} is not a folder`, {
      hint: "give a folder with --dir",
    });
  }
  if ((info.mode & 0o077) !== 0) {
    throw new OperatorError(
      "refused",
      "FOLDER_OPEN",
      `the archive folder ${path} is open to other users (mode ${(info.mode & 0o777).toString(8)})`,
      {
        hint: `close it: chmod 0700 ${path}`,
      },
    );
  }
  try {
    await access(path, constants.W_OK);
  } catch (error) {
    throw new OperatorError(
      "precondition",
      "FOLDER_READ_ONLY",
      `the archive folder ${path} cannot be written to (${systemCode(error) ?? "no access"})`,
      {
        hint: "mount it writable, or give another folder with --dir",
        cause: error,
      },
    );
  }
}
