/** Writes an archive: tar, then zstd frames, then age. */
import { OperatorError } from "../errors.ts";
import { encryptStream } from "./age.ts";
import { compressFrames } from "./frames.ts";
import { bodyCheck } from "./hashed-body.ts";
import { serializeManifest } from "./manifest.ts";
import { MANIFEST_PATH, RUNBOOK_PATH, shownPath } from "./tar-path.ts";
import { streamFrom } from "./tar-source.ts";
import { tarStream } from "./tar-write.ts";
import type { Entry, Manifest } from "./manifest.ts";
import type { TarMember } from "./tar-write.ts";

export interface EntrySource {
  readonly entry: Entry;
  /** Called once, when its turn comes. */
  open(): ReadableStream<Uint8Array>;
}

export interface ArchiveContent {
  readonly runbook: string;
  /** Its `entries` are those of `entries`, in the same order, the datastore last. */
  readonly manifest: Manifest;
  readonly entries: readonly EntrySource[];
}

export interface ArchiveOptions extends ArchiveContent {
  /** age or SSH recipients; at least one. */
  readonly recipients: readonly string[];
  readonly compression?: Parameters<typeof compressFrames>[0];
}

/**
 * The bytes of an archive, made as they are asked for. The stream errors, and
 * so never ends, when an entry's bytes are not those in the manifest (an
 * OperatorError `ENTRY_CHANGED`) or cannot be read: what was written until then
 * can never be decrypted to its end. Throws the OperatorErrors of
 * `encryptStream` for the recipients.
 */
export async function archiveStream(options: ArchiveOptions): Promise<ReadableStream<Uint8Array>> {
  // Nobody else holds the frames, so their memory is given back at once: Bun collects it late.
  const encrypt = await encryptStream(options.recipients, { ownsInput: true });
  return archiveTar(options).pipeThrough(compressFrames(options.compression)).pipeThrough(encrypt);
}

/** The tar inside an archive. Throws a TypeError when manifest and entries do not belong together. */
export function archiveTar(content: ArchiveContent): ReadableStream<Uint8Array> {
  requireOrder(content);
  const mtime = Date.parse(content.manifest.created) / 1000;
  const runbook = new TextEncoder().encode(content.runbook);
  return tarStream([
    fixedMember({ path: RUNBOOK_PATH, mtime }, runbook),
    fixedMember({ path: MANIFEST_PATH, mtime }, serializeManifest(content.manifest)),
    ...content.entries.map((source) => entryMember(source, mtime)),
  ]);
}

function fixedMember(
  member: { readonly path: string; readonly mtime: number },
  bytes: Uint8Array,
): TarMember {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  return { ...member, size: bytes.length, mode: 0o600, open: () => streamFrom(pieces()) };
}

function entryMember(source: EntrySource, mtime: number): TarMember {
  const { path, size, mode } = source.entry;
  return { path, size, mode, mtime, open: () => streamFrom(checkedPieces(source)) };
}

async function* checkedPieces(source: EntrySource): AsyncGenerator<Uint8Array> {
  const { entry } = source;
  const check = bodyCheck(entry, () => changed(entry));
  const reader = source.open().getReader();
  try {
    for (;;) {
      const next = await reader.read();
      if (next.done) break;
      check.add(next.value);
      yield next.value;
    }
    check.end();
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function changed(entry: Entry): Error {
  return new OperatorError(
    "error",
    "ENTRY_CHANGED",
    `${entry.source ?? shownPath(entry.path)} changed while the backup was being written`,
    { hint: "run the backup again" },
  );
}

function requireOrder(content: ArchiveContent): void {
  const listed = content.manifest.entries;
  const same = listed.length === content.entries.length;
  const ordered = content.entries.every(({ entry }, index) => {
    const other = listed[index];
    return other?.path === entry.path && other.sha256 === entry.sha256 && other.size === entry.size;
  });
  if (!same || !ordered) throw new TypeError("cannot archive entries other than the manifest's");
  if (listed.at(-1)?.kind !== "datastore") {
    throw new TypeError("cannot archive the datastore before smaller entries");
  }
}
