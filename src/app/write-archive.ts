/** The archive on its way to the disk: written under a temp name, synced, read back, named. */
import { createHash } from "node:crypto";
import { basename, dirname } from "node:path";
import { release } from "../buffers.ts";
import { openArchive } from "../archive/reader.ts";
import { sidecarOf, sidecarPath } from "../archive/sidecar.ts";
import { archiveStream } from "../archive/writer.ts";
import { createAtomicFile } from "../sys/atomic.ts";
import { outputExists } from "../sys/archive-folder.ts";
import { lazyFileStream } from "../sys/files.ts";
import { removeFile } from "../sys/remove.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { OperatorError, systemCode } from "../errors.ts";
import { count, sizeText } from "../words.ts";
import type { Context } from "./context.ts";
import type { AtomicFile } from "../sys/atomic.ts";
import type { Entry, Manifest } from "../archive/manifest.ts";

export interface ArchiveParts {
  readonly path: string;
  readonly manifest: Manifest;
  readonly runbook: string;
  readonly files: readonly { readonly entry: Entry; readonly file: string }[];
  /** Those that open it; empty on a write-only host: then the file's own hash is compared instead. */
  readonly identities: readonly string[];
}

export interface WrittenArchive {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Writes the archive and its sidecar. The file has its final name only after it
 * was synced and read back equal. Throws an OperatorError `WRITE_FAILED` or
 * `READ_BACK`; then neither is there.
 */
export async function writeArchive(context: Context, parts: ArchiveParts): Promise<WrittenArchive> {
  const folder = dirname(parts.path);
  try {
    await using file = await createAtomicFile(parts.path);
    const written = await encryptInto(context, parts, file);
    await file.sync();
    await readBack(context, parts, { path: file.tempPath, ...written });
    // Written first, so that nothing that can fail for want of room comes after the archive has its name.
    await using sidecar = await createAtomicFile(sidecarPath(parts.path));
    await sidecar.write(new TextEncoder().encode(sidecarText(parts, written)));
    await sidecar.sync();
    context.host.signal.throwIfAborted();
    await file.commit();
    await commitSidecar(sidecar, parts.path);
    return written;
  } catch (error) {
    if (systemCode(error) === "EEXIST") throw outputExists(parts.path);
    throw explainWriteError(error, folder);
  }
}

/** An archive of a backup that has failed must not be chosen later. */
async function commitSidecar(sidecar: AtomicFile, archive: string): Promise<void> {
  try {
    await sidecar.commit({ replace: true });
  } catch (error) {
    await removeFile(archive);
    await removeFile(sidecarPath(archive));
    throw error;
  }
}

function sidecarText(parts: ArchiveParts, written: WrittenArchive): string {
  const sidecar = sidecarOf(parts.manifest, {
    name: basename(parts.path),
    size: written.bytes,
    sha256: written.sha256,
  });
  return `${JSON.stringify(sidecar, undefined, 2)}\n`;
}

async function encryptInto(
  context: Context,
  parts: ArchiveParts,
  file: { write(chunk: Uint8Array): Promise<void> },
): Promise<WrittenArchive> {
  const { talk, host } = context;
  talk({ type: "step", text: "encrypting" });
  const total = parts.manifest.entries.reduce((sum, { size }) => sum + size, 0);
  let read = 0;
  const stream = await archiveStream({
    runbook: parts.runbook,
    manifest: parts.manifest,
    recipients: parts.manifest.recipients,
    entries: parts.files.map((source) => ({
      entry: source.entry,
      open: () =>
        counted(lazyFileStream(source.file), (bytes) => {
          read += bytes;
          talk({ type: "progress", done: read, total });
        }),
    })),
  });
  const hash = createHash("sha256");
  let bytes = 0;
  await stream.pipeTo(
    new WritableStream<Uint8Array>({
      async write(chunk) {
        hash.update(chunk);
        bytes += chunk.length;
        await file.write(chunk);
        release([chunk]);
      },
    }),
    { signal: host.signal },
  );
  talk({
    type: "done",
    text: `encrypted for ${count(parts.manifest.recipients.length, "recipient")}, ${sizeText(bytes)}`,
  });
  return { bytes, sha256: hash.digest("hex") };
}

async function readBack(
  context: Context,
  parts: ArchiveParts,
  file: { readonly path: string } & WrittenArchive,
): Promise<void> {
  const { talk, host } = context;
  talk({ type: "step", text: "reading back" });
  let read = 0;
  const source = counted(lazyFileStream(file.path), (bytes) => {
    host.signal.throwIfAborted();
    read += bytes;
    talk({ type: "progress", done: read, total: file.bytes });
  });
  if (parts.identities.length === 0) {
    const hash = createHash("sha256");
    for await (const chunk of source) hash.update(chunk);
    if (hash.digest("hex") !== file.sha256) throw differs(file.path);
    talk({
      type: "done",
      text: "read back, the file's hash is equal; this host has no key to open it",
    });
    return;
  }
  await openWhole(context, parts, source).catch((error: unknown) => {
    // Whatever is wrong with it, a moment ago it was right.
    const isBroken =
      error instanceof OperatorError && (error.exit === "verifyFailed" || error.exit === "key");
    throw isBroken ? differs(file.path, error) : error;
  });
  talk({
    type: "done",
    text: `read back, ${count(parts.manifest.entries.length, "hash")} equal`,
  });
}

async function openWhole(
  { host }: Context,
  { identities, manifest }: ArchiveParts,
  source: ReadableStream<Uint8Array>,
): Promise<void> {
  const archive = await openArchive(source, identities);
  for await (const { body } of archive.entries()) {
    host.signal.throwIfAborted();
    for await (const chunk of body) release([chunk]); // hashed on the way by the reader
  }
  await archive.finish();
  if (archive.manifest.id === manifest.id) return;
  throw new OperatorError("verifyFailed", "ANOTHER_ARCHIVE", "this is another archive");
}

function differs(path: string, cause?: unknown): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "READ_BACK",
    `what was written to ${dirname(path)} reads back different`,
    {
      hint: "the disk or its controller is failing: check it (dmesg), and write to another one with --dir",
      cause,
    },
  );
}

function counted(
  stream: ReadableStream<Uint8Array>,
  seen: (bytes: number) => void,
): ReadableStream<Uint8Array> {
  return stream.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        seen(chunk.length);
        controller.enqueue(chunk);
      },
    }),
  );
}
