/** The one proof that an archive is whole and can be restored; used by verify, restore and the read-back of backup. */
import { openArchive } from "../archive/reader.ts";
import { checkSignature } from "../archive/signature.ts";
import { openArchiveFile } from "./archive-file.ts";
import { archiveChecks } from "./archive-checks.ts";
import { tellDamagedHeader } from "./damaged-header.ts";
import { proveDatastore } from "./prove-datastore.ts";
import { readContent } from "./read-content.ts";
import type { Entry, Manifest } from "../archive/manifest.ts";
import type { SignatureState } from "../archive/signature.ts";
import type { DatastoreFacts } from "../datastore/facts.ts";
import type { ObjectStore } from "../datastore/objects.ts";
import type { Stage } from "../sys/stage.ts";
import type { Check } from "./archive-checks.ts";
import type { Context } from "./context.ts";

export interface ProofOptions {
  /** Absolute path of the archive. */
  readonly path: string;
  /** Native secret keys. */
  readonly identities: readonly string[];
  /** Disk for the datastore's plaintext when memory has no room for it. Default: TMPDIR or /var/tmp. */
  readonly stageParent?: string | undefined;
  /** Also write every entry below this stage, under its path in the archive, for a restore. */
  readonly into?: Stage | undefined;
  /** SHA-256 the file must have, as its sidecar or its writer says. */
  readonly sha256?: string | undefined;
}

export interface Proof {
  readonly path: string;
  /** Bytes and SHA-256 of the archive file. */
  readonly size: number;
  readonly sha256: string;
  readonly manifest: Manifest;
  readonly runbook: string;
  /** Exactly what was checked; nothing else may be claimed. */
  readonly checks: readonly Check[];
  readonly signature: SignatureState;
  /** Holds secrets (`bootstrap`): never print it. */
  readonly snapshot: DatastoreFacts;
  /** With `into`: where each entry lies now, in the manifest's order. Without: empty. */
  readonly files: readonly { readonly entry: Entry; readonly path: string }[];
}

/** A proof, and the datastore it is of: plaintext, which is gone when this is disposed, or with the process. */
export interface OpenProof extends AsyncDisposable {
  readonly proof: Proof;
  readonly store: ObjectStore;
}

/**
 * Reads the archive to its end, then its datastore page by page, and opens that
 * with the archive's own token. Throws an OperatorError: exit `key` when no
 * identity opens it, `notFound`, `precondition` (`WRITE_FAILED`, or
 * `ARCHIVE_UNREADABLE` for missing rights), else `verifyFailed`. Without `into` no
 * plaintext outlives the call, or the process; with it the stage's owner wipes.
 */
export async function proveArchive(context: Context, options: ProofOptions): Promise<Proof> {
  await using open = await openProof(context, options);
  return open.proof;
}

/** The same, and the datastore stays open after it. */
export async function openProof(context: Context, options: ProofOptions): Promise<OpenProof> {
  await using file = await openArchiveFile(context, options.path);
  // proveDatastore() compares its hash with what was stored: hashing takes a third of the time.
  const archive = await tellDamagedHeader(context, file.path, () =>
    openArchive(file.stream(), options.identities, {
      hashedByCaller: ({ kind }) => kind === "datastore",
    }),
  );
  await using cleanup = new AsyncDisposableStack();
  try {
    const { manifest, runbook } = archive;
    const signature = await checkSignature(manifest);
    const content = cleanup.use(await readContent(context, archive, options));
    await archive.finish();
    const sha256 = file.digest();
    const facts = { path: file.path, size: file.size, chunks: file.chunks, sha256 };
    const checks = archiveChecks(facts, { manifest, signature, expected: options.sha256 });
    const store = await proveDatastore(context, { manifest, ...content });
    const held = cleanup.move();
    return {
      proof: {
        path: file.path,
        size: file.size,
        sha256,
        manifest,
        runbook,
        checks: [...checks, ...store.checks],
        signature,
        snapshot: store.facts,
        files: content.files,
      },
      store: { file: content.datastore, database: content.database },
      [Symbol.asyncDispose]: () => held.disposeAsync(),
    };
  } catch (error) {
    await archive.cancel(error);
    throw error;
  }
}
