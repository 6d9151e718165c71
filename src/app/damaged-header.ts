/** A damaged header may look like one for another key: the digest beside the archive tells the two apart. */
import { OperatorError } from "../errors.ts";
import { openArchiveFile } from "./archive-file.ts";
import { readSidecar } from "./archives.ts";
import type { Context } from "./context.ts";

/**
 * What `open` gives, which opens the archive at `path`. When no identity matches
 * (`NO_IDENTITY_MATCHED`) and the file is not the one that was written, throws
 * an OperatorError `HEADER_DAMAGED`, exit verifyFailed, instead.
 */
export async function tellDamagedHeader<T>(
  context: Context,
  path: string,
  open: () => Promise<T>,
): Promise<T> {
  try {
    return await open();
  } catch (error) {
    const noMatch = error instanceof OperatorError && error.code === "NO_IDENTITY_MATCHED";
    if (!noMatch || !(await isChanged(context, path))) throw error;
    throw new OperatorError(
      "verifyFailed",
      "HEADER_DAMAGED",
      `${path} is damaged: no identity opens it, and its SHA-256 is not the one that ${path}.json has of it`,
      {
        hint: "copy the archive again from where it was made, or take another one",
        cause: error,
      },
    );
  }
}

/** Not known without a sidecar: then it counts as what it was. */
async function isChanged(context: Context, path: string): Promise<boolean> {
  const sidecar = await readSidecar(path);
  if (sidecar === undefined) return false;
  await using file = await openArchiveFile(context, path);
  if (file.size !== sidecar.size) return true;
  const reader = file.stream().getReader();
  while (!(await reader.read()).done);
  return file.digest() !== sidecar.sha256;
}
