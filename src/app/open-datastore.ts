/** The datastore of an archive, proven to its end and kept in a nameless file for as long as it is read. */
import { openArchive } from "../archive/reader.ts";
import { checkSignature } from "../archive/signature.ts";
import { OperatorError } from "../errors.ts";
import { archiveChecks } from "./archive-checks.ts";
import { openArchiveFile } from "./archive-file.ts";
import { readSidecar } from "./archives.ts";
import { proveDatastore } from "./prove-datastore.ts";
import { readContent } from "./read-content.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { DatastoreFacts } from "../datastore/facts.ts";
import type { RandomAccess } from "../sys/files.ts";
import type { SqlReader } from "../sys/sqlite.ts";
import type { Context } from "./context.ts";

export interface OpenDatastore extends AsyncDisposable {
  readonly manifest: Manifest;
  /** Holds secrets (`bootstrap`): never print it. */
  readonly facts: DatastoreFacts;
  /** Plaintext; gone when this is disposed, or with the process. */
  readonly datastore: RandomAccess;
  /** The same open in SQLite, when that is its kind. */
  readonly database: SqlReader | undefined;
}

/**
 * Makes the checks of `proveArchive`, and keeps the datastore open after them.
 * Throws what it throws; `DATASTORE_UNSUPPORTED` (exit precondition) for an
 * archive that holds no etcd, unless `alsoSqlite` is set.
 */
export async function openDatastore(
  context: Context,
  options: {
    readonly path: string;
    readonly identities: readonly string[];
    /** Take an archive with SQLite too. Default false. */
    readonly alsoSqlite?: boolean;
  },
): Promise<OpenDatastore> {
  const { path, identities } = options;
  const expected = (await readSidecar(path))?.sha256;
  await using file = await openArchiveFile(context, path);
  const archive = await openArchive(file.stream(), identities, {
    hashedByCaller: ({ kind }) => kind === "datastore",
  });
  await using cleanup = new AsyncDisposableStack();
  try {
    const { manifest } = archive;
    if (options.alsoSqlite !== true) requireEtcd(path, manifest);
    const signature = await checkSignature(manifest);
    const content = cleanup.use(await readContent(context, archive, {}));
    await archive.finish();
    const { size, chunks } = file;
    archiveChecks({ path, size, chunks, sha256: file.digest() }, { manifest, signature, expected });
    const { facts } = await proveDatastore(context, { manifest, ...content });
    const held = cleanup.move();
    return {
      manifest,
      facts,
      datastore: content.datastore,
      database: content.database,
      [Symbol.asyncDispose]: () => held.disposeAsync(),
    };
  } catch (error) {
    await archive.cancel(error);
    throw error;
  }
}

function requireEtcd(path: string, { datastore }: Manifest): void {
  if (datastore.kind === "etcd") return;
  throw new OperatorError(
    "precondition",
    "DATASTORE_UNSUPPORTED",
    `${path} holds a datastore of kind ${datastore.kind}, and only those of etcd can be compared`,
    { hint: "railiance-cluster show tells what is in it" },
  );
}
