/** Where the entries of an archive go while it is proven: token in memory, datastore in a nameless file, or all of it in a stage. */
import { OperatorError } from "../errors.ts";
import { syncFolder } from "../sys/atomic.ts";
import { openFile } from "../sys/files.ts";
import { openSqlite } from "../sys/sqlite.ts";
import { writeStream } from "../sys/stage-file.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { makeSpool, makeSqliteSpool } from "./spool-place.ts";
import type { Entry } from "../archive/manifest.ts";
import type { OpenArchive, OpenEntry } from "../archive/reader.ts";
import type { RandomAccess } from "../sys/files.ts";
import type { SqlReader } from "../sys/sqlite.ts";
import type { Stage } from "../sys/stage.ts";
import type { Context } from "./context.ts";

export interface ArchiveContent extends AsyncDisposable {
  /** The text of every entry of kind token. Secret. */
  readonly tokens: readonly string[];
  readonly datastore: RandomAccess;
  /** The same open in SQLite, when that is its kind. */
  readonly database: SqlReader | undefined;
  /** Where each entry lies, in the manifest's order; empty without a stage. */
  readonly files: readonly { readonly entry: Entry; readonly path: string }[];
}

export interface ContentOptions {
  readonly stageParent?: string | undefined;
  readonly into?: Stage | undefined;
}

const LARGEST_TOKEN = 64 * 1024;

/**
 * Reads every entry of an archive. Throws the OperatorErrors of the reader, or
 * `WRITE_FAILED` when there is no room. The caller still has to `finish` the
 * archive before it may believe any of it.
 */
export async function readContent(
  context: Context,
  archive: OpenArchive,
  options: ContentOptions,
): Promise<ArchiveContent> {
  return options.into === undefined
    ? readIntoSpool(context, archive, options.stageParent)
    : readIntoStage(archive, options.into);
}

async function readIntoSpool(
  context: Context,
  archive: OpenArchive,
  parent: string | undefined,
): Promise<ArchiveContent> {
  const tokens: string[] = [];
  await using cleanup = new AsyncDisposableStack();
  let datastore: RandomAccess | undefined;
  let database: SqlReader | undefined;
  for await (const { entry, body } of archive.entries()) {
    if (entry.kind === "token") tokens.push(await readToken(entry, body));
    if (entry.kind !== "datastore") continue; // the reader hashes what nobody reads
    const place = { size: entry.size, parent };
    const explained = explain("the folder for temporary files");
    if (isSqlite(archive)) {
      const spool = cleanup.use(await makeSqliteSpool(context.host, place));
      ({ file: datastore, database } = await spool.fill(body).catch(explained));
    } else {
      const spool = cleanup.use(await makeSpool(context.host, place));
      datastore = await spool.append(body).catch(explained);
    }
  }
  const held = cleanup.move();
  return {
    tokens,
    datastore: requireStore(datastore),
    database,
    files: [],
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function readIntoStage(archive: OpenArchive, stage: Stage): Promise<ArchiveContent> {
  const tokens: string[] = [];
  const files: { entry: Entry; path: string }[] = [];
  for await (const { entry, body } of archive.entries()) {
    const path = `${stage.path}/${entry.path}`;
    await writeStream(path, body, { sync: isRestored(entry) }).catch(explain(stage.path));
    files.push({ entry, path });
    if (entry.kind !== "token") continue;
    await using token = await openFile(path);
    tokens.push(await readToken(entry, token.stream()));
  }
  await syncFolders(files, stage);
  const store = files.find(({ entry }) => entry.kind === "datastore");
  await using cleanup = new AsyncDisposableStack();
  const { path } = requireStore(store);
  const datastore = cleanup.use(await openFile(path));
  const database = isSqlite(archive) ? cleanup.use(openSqlite(path)) : undefined;
  const held = cleanup.move();
  return {
    tokens,
    datastore,
    database,
    files,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

function isSqlite({ manifest }: OpenArchive): boolean {
  return manifest.datastore.kind === "sqlite";
}

/** A restore that goes on after a power cut reads these from the stage again. Exports for people are not worth 16 ms each. */
export function isRestored({ kind }: Entry): boolean {
  return kind !== "helm" && kind !== "helm-chart";
}

async function syncFolders(
  files: readonly { readonly entry: Entry; readonly path: string }[],
  stage: Stage,
): Promise<void> {
  const folders = new Set([stage.path]);
  for (const { entry } of files.filter((file) => isRestored(file.entry))) {
    const parts = entry.path.split("/");
    for (let depth = 1; depth < parts.length; depth += 1) {
      folders.add(`${stage.path}/${parts.slice(0, depth).join("/")}`);
    }
  }
  for (const folder of folders) await syncFolder(folder);
}

async function readToken(entry: Entry, body: OpenEntry["body"]): Promise<string> {
  if (entry.size > LARGEST_TOKEN) {
    throw new OperatorError("verifyFailed", "TOKEN_TOO_LARGE", `${entry.path} is no K3s token`, {
      hint: "take another archive; which are whole: railiance-cluster verify --all",
    });
  }
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of body) text += decoder.decode(piece, { stream: true });
  return text + decoder.decode();
}

/** The manifest's own rules promise one datastore entry, and the reader that it came. */
function requireStore<T>(store: T | undefined): T {
  if (store === undefined) throw new TypeError("the archive was read without its datastore");
  return store;
}

function explain(place: string): (error: unknown) => never {
  return (error) => {
    throw explainWriteError(error, place);
  };
}
