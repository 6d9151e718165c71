/** Reads an archive and refuses whatever is not exactly what its manifest says. */
import { decryptStream } from "./age.ts";
import { entryWalk } from "./entry-walk.ts";
import { decompressFrames } from "./frames.ts";
import { bodyCheck } from "./hashed-body.ts";
import { LARGEST_MANIFEST, manifestTooLarge, parseManifest } from "./manifest.ts";
import { refused } from "./refused.ts";
import { MANIFEST_PATH, RUNBOOK_PATH } from "./tar-path.ts";
import { readTar } from "./tar-read.ts";
import { streamFrom } from "./tar-source.ts";
import type { EntryWalk, HashedByCaller } from "./entry-walk.ts";
import type { Promised } from "./hashed-body.ts";
import type { Entry, Manifest } from "./manifest.ts";
import type { TarReader } from "./tar-read.ts";

export interface ArchiveHead {
  readonly runbook: string;
  readonly manifest: Manifest;
}

export interface OpenEntry {
  readonly entry: Entry;
  /**
   * The entry's bytes. Errors when their size or hash is not the manifest's; an
   * unread or half-read body is read and checked before the next entry comes.
   */
  readonly body: ReadableStream<Uint8Array>;
}

export interface ReadOptions {
  /**
   * Entries whose SHA-256 the caller compares itself, from what it stored:
   * here only their size is checked. Default: none.
   */
  readonly hashedByCaller?: HashedByCaller;
}

export interface OpenArchive extends ArchiveHead {
  /** The bytes of `RUNBOOK.md` and `manifest.json` as they stand in the archive. */
  readonly head: { readonly runbook: Uint8Array; readonly manifest: Uint8Array };
  /** The entries in the manifest's order. May be called once; leaving early is fine. */
  entries(): AsyncGenerator<OpenEntry>;
  /**
   * Reads what is left to the very end. Only when it resolves is the archive
   * proven complete: every chunk authentic, every entry there with its hash, a
   * proper end and nothing behind it.
   */
  finish(): Promise<void>;
  /** Gives up and lets go of the input. */
  cancel(reason?: unknown): Promise<void>;
}

const LARGEST_RUNBOOK = 16 * 1024 * 1024;

/**
 * Opens an archive and reads its head. Every problem, here and later, is an
 * OperatorError: exit key when no identity opens it, else verifyFailed with
 * `MANIFEST_…`, `FORMAT_NEWER`, `NOT_AN_ARCHIVE`, `RUNBOOK_CHANGED`, `ENTRY_…`
 * or `TAR_…`. Nothing read before `finish` resolves may be trusted or kept.
 */
export async function openArchive(
  input: ReadableStream<Uint8Array>,
  identities: readonly string[],
  options: ReadOptions = {},
): Promise<OpenArchive> {
  const plain = await decryptStream(input, identities);
  return openArchiveTar(plain.pipeThrough(decompressFrames({ ownsInput: true })), options);
}

/** Reads only the head and lets go of the input: what it says is authentic, but the rest is unseen. */
export async function readHead(
  input: ReadableStream<Uint8Array>,
  identities: readonly string[],
): Promise<ArchiveHead> {
  const archive = await openArchive(input, identities);
  await archive.cancel();
  return { runbook: archive.runbook, manifest: archive.manifest };
}

/** The same as `openArchive` for the tar inside. */
export async function openArchiveTar(
  plain: ReadableStream<Uint8Array>,
  options: ReadOptions = {},
): Promise<OpenArchive> {
  const { hashedByCaller = () => false } = options;
  const tar = readTar(plain);
  const cancel = (reason?: unknown): Promise<void> => tar.cancel(reason).catch(() => undefined);
  try {
    const runbook = await readRunbook(tar);
    const bytes = await readManifest(tar);
    const manifest = parseManifest(bytes);
    if (manifest.runbook !== undefined) checkRunbook(runbook, manifest.runbook);
    const walk = entryWalk(tar, { manifest, hashedByCaller });
    return {
      runbook: new TextDecoder().decode(runbook),
      manifest,
      head: { runbook, manifest: bytes },
      entries: () => openEntries(walk),
      async finish() {
        while ((await walk.next()) !== undefined);
      },
      cancel,
    };
  } catch (error) {
    await cancel(error);
    throw error;
  }
}

async function* openEntries(walk: EntryWalk): AsyncGenerator<OpenEntry> {
  for (;;) {
    const entry = await walk.next();
    if (entry === undefined) return;
    yield { entry, body: streamFrom(entryPieces(walk, entry)) };
  }
}

async function* entryPieces(walk: EntryWalk, entry: Entry): AsyncGenerator<Uint8Array> {
  for (;;) {
    const piece = await walk.read(entry);
    if (piece === undefined) return;
    yield piece;
  }
}

async function readRunbook(tar: TarReader): Promise<Uint8Array> {
  const header = await tar.next();
  if (header?.path === RUNBOOK_PATH && header.size <= LARGEST_RUNBOOK) {
    return readWhole(tar, header.size);
  }
  throw refused("NOT_AN_ARCHIVE", `the archive does not begin with ${RUNBOOK_PATH}`, {
    hint: "this is not a backup made by railiance-cluster",
  });
}

async function readManifest(tar: TarReader): Promise<Uint8Array> {
  const header = await tar.next();
  if (header?.path !== MANIFEST_PATH) {
    throw refused("NOT_AN_ARCHIVE", `the archive has no ${MANIFEST_PATH} as its second file`, {
      hint: "this is not a backup made by railiance-cluster",
    });
  }
  if (header.size > LARGEST_MANIFEST) throw manifestTooLarge();
  return readWhole(tar, header.size);
}

async function readWhole(tar: TarReader, size: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(size);
  let filled = 0;
  for (;;) {
    const piece = await tar.read();
    if (piece === undefined) return bytes;
    bytes.set(piece, filled);
    filled += piece.length;
  }
}

function checkRunbook(bytes: Uint8Array, promised: Promised): void {
  const check = bodyCheck(promised, () =>
    refused("RUNBOOK_CHANGED", `${RUNBOOK_PATH} is not the one the manifest names`),
  );
  check.add(bytes);
  check.end();
}
