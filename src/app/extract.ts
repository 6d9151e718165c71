/** `extract`: files out of an archive, and only out of one that is whole. */
import { resolve } from "node:path";
import { openArchive } from "../archive/reader.ts";
import { checkSignature } from "../archive/signature.ts";
import { MANIFEST_PATH, RUNBOOK_PATH } from "../archive/tar-path.ts";
import { OperatorError, systemCode } from "../errors.ts";
import { obstacleTo, writeNewFiles } from "../sys/new-files.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { openArchiveFile } from "./archive-file.ts";
import { resolveArchive } from "./archives.ts";
import { tellDamagedHeader } from "./damaged-header.ts";
import { matchesPattern } from "./entry-pattern.ts";
import { openingKeys } from "./opening-keys.ts";
import { makeSpool } from "./spool-place.ts";
import type { OpenArchive } from "../archive/reader.ts";
import type { Spool, SpoolRange } from "../sys/spool.ts";
import type { Context } from "./context.ts";

export interface ExtractOptions {
  /** Path, file name or id; undefined: see `Wanted`. */
  readonly archive: string | undefined;
  readonly directory: string;
  readonly identityFiles: readonly string[];
  /** Exact paths, folders or globs; all files when empty. */
  readonly paths: readonly string[];
  /** The folder to write below, or `-` for standard output. */
  readonly output: string;
  /** See `ProofOptions.stageParent`. */
  readonly stageParent?: string | undefined;
}

export interface ExtractedFile {
  /** Path inside the archive. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
}

export interface ExtractResult extends AsyncDisposable {
  /** Path of the archive. */
  readonly archive: string;
  /** Absolute, or `-`. */
  readonly output: string;
  readonly files: readonly ExtractedFile[];
  /** With output `-`: the one file's bytes, proven. Read before disposing. */
  readonly stream: ReadableStream<Uint8Array> | undefined;
}

interface Extracted extends ExtractedFile {
  readonly range: SpoolRange;
}

/**
 * Reads the whole archive and only then hands out what was asked for: files
 * (0600) below `output`, all of them or none, nothing overwritten; or one
 * file's bytes. Throws OperatorErrors: those of `openArchive`, `NO_MATCH` (exit
 * notFound), `TOO_MANY_FILES` (exit usage), `OUTPUT_EXISTS` or `OUTPUT_IS_LINK`
 * (exit refused), `WRITE_FAILED`. Dispose the result.
 */
export async function extractFiles(
  context: Context,
  options: ExtractOptions,
): Promise<ExtractResult> {
  const path = await resolveArchive(context.host, options);
  const identities = await openingKeys(context, options.identityFiles);
  await using cleanup = new AsyncDisposableStack();
  await using file = await openArchiveFile(context, path);
  const archive = await tellDamagedHeader(context, path, () =>
    openArchive(file.stream(), identities),
  );
  try {
    await checkSignature(archive.manifest);
    const wanted = selectFiles(archive, options);
    await refuseObstacles(options.output, [...wanted.keys()]);
    const size = [...wanted.values()].reduce((sum, bytes) => sum + bytes, 0);
    const spool = cleanup.use(await makeSpool(context.host, { size, parent: options.stageParent }));
    const found = await spoolFiles(archive, { spool, wanted }).catch(
      explain("the folder for temporary files"),
    );
    await archive.finish();
    const result = await deliver(found, options.output);
    const held = cleanup.move();
    return { archive: path, ...result, [Symbol.asyncDispose]: () => held.disposeAsync() };
  } catch (error) {
    await archive.cancel(error);
    throw error;
  }
}

/** The files asked for, with their sizes. Every pattern must match something. */
function selectFiles(archive: OpenArchive, options: ExtractOptions): Map<string, number> {
  const all = new Map([
    [RUNBOOK_PATH, archive.head.runbook.length],
    [MANIFEST_PATH, archive.head.manifest.length],
    ...archive.manifest.entries.map(({ path, size }): [string, number] => [path, size]),
  ]);
  const patterns = options.paths.length === 0 ? ["**"] : options.paths;
  const wanted = new Map<string, number>();
  for (const pattern of patterns) {
    const matches = [...all].filter(([path]) => matchesPattern(path, pattern));
    if (matches.length === 0) {
      throw new OperatorError("notFound", "NO_MATCH", `nothing in the archive matches ${pattern}`, {
        hint: "railiance-cluster show lists the files",
      });
    }
    for (const [path, size] of matches) wanted.set(path, size);
  }
  if (options.output !== "-" || wanted.size === 1) return wanted;
  throw new OperatorError(
    "usage",
    "TOO_MANY_FILES",
    `${wanted.size} files match, and standard output takes one`,
    { hint: "name one file, or give a folder with --output" },
  );
}

async function refuseObstacles(output: string, paths: readonly string[]): Promise<void> {
  if (output === "-") return;
  const obstacle = await obstacleTo(resolve(output), paths);
  if (obstacle === undefined) return;
  if (obstacle.kind === "link") {
    throw new OperatorError(
      "refused",
      "OUTPUT_IS_LINK",
      `${obstacle.path} is a symbolic link; secrets are not written through links`,
      { hint: "give the folder it points to" },
    );
  }
  throw new OperatorError("refused", "OUTPUT_EXISTS", `${obstacle.path} exists already`, {
    hint: "nothing is overwritten; give a new folder with --output",
  });
}

async function spoolFiles(
  archive: OpenArchive,
  options: { readonly spool: Spool; readonly wanted: ReadonlyMap<string, number> },
): Promise<Extracted[]> {
  const { spool, wanted } = options;
  const found: Extracted[] = [];
  const keep = async (path: string, body: AsyncIterable<Uint8Array>): Promise<void> => {
    if (!wanted.has(path)) return;
    const range = await spool.append(body);
    found.push({ path, size: range.size, range });
  };
  await keep(RUNBOOK_PATH, once(archive.head.runbook));
  await keep(MANIFEST_PATH, once(archive.head.manifest));
  for await (const { entry, body } of archive.entries()) await keep(entry.path, body);
  return found;
}

async function deliver(
  found: readonly Extracted[],
  output: string,
): Promise<Pick<ExtractResult, "files" | "output" | "stream">> {
  const files = found.map(({ path, size }) => ({ path, size }));
  if (output === "-") return { files, output, stream: found[0]?.range.stream() };
  const folder = resolve(output);
  const write = found.map(({ path, range }) => ({ path, stream: () => range.stream() }));
  try {
    await writeNewFiles(folder, write);
  } catch (error) {
    // Somebody made the file after we looked.
    if (systemCode(error) === "EEXIST")
      await refuseObstacles(
        output,
        files.map(({ path }) => path),
      );
    throw explainWriteError(error, folder);
  }
  return { files, output: folder, stream: undefined };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function explain(place: string): (error: unknown) => never {
  return (error) => {
    throw explainWriteError(error, place);
  };
}
