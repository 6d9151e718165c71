/** `show`: what an archive says of itself; only its head is read. */
import { readHead } from "../archive/reader.ts";
import { checkSignature } from "../archive/signature.ts";
import { openArchiveFile } from "./archive-file.ts";
import { readSidecar, resolveArchive } from "./archives.ts";
import { tellDamagedHeader } from "./damaged-header.ts";
import { openingKeys } from "./opening-keys.ts";
import type { ArchiveHead } from "../archive/reader.ts";
import type { Sidecar } from "../archive/sidecar.ts";
import type { SignatureState } from "../archive/signature.ts";
import type { Context } from "./context.ts";

export interface ShowOptions {
  /** Path, file name or id; undefined: see `Wanted`. */
  readonly archive: string | undefined;
  readonly directory: string;
  readonly identityFiles: readonly string[];
}

export interface ShowResult extends ArchiveHead {
  readonly path: string;
  /** Bytes of the archive file. */
  readonly size: number;
  readonly signature: SignatureState;
  readonly sidecar: Sidecar | undefined;
}

/** The head of an archive. What follows the head is unseen: only `verify` proves it. Throws as `openArchive` does. */
export async function showArchive(context: Context, options: ShowOptions): Promise<ShowResult> {
  const path = await resolveArchive(context.host, options);
  const identities = await openingKeys(context, options.identityFiles);
  await using file = await openArchiveFile(context, path);
  const head = await tellDamagedHeader(context, path, () => readHead(file.stream(), identities));
  const signature = await checkSignature(head.manifest);
  return { path, size: file.size, signature, sidecar: await readSidecar(path), ...head };
}
