/** Values files as `ha lint` and `ha drift` take them: read, opened in memory, merged. */
import { relative } from "node:path";
import { OperatorError, systemCode } from "../errors.ts";
import { parseRules } from "../ha/find-rules.ts";
import { mergeAll } from "../ha/merge-values.ts";
import { RELEASES_FILE, parseReleases } from "../ha/releases-file.ts";
import { readValuesFile } from "../ha/values-file.ts";
import { discoverIdentities } from "../keys/identities.ts";
import { readBytesIfPresent } from "../sys/files.ts";
import { count } from "../words.ts";
import { keyWarnings } from "./key-problems.ts";
import type { DuplicateKey } from "../ha/parse-values.ts";
import type { ChartRules } from "../ha/rule-schema.ts";
import type { DeclaredRelease } from "../ha/releases-file.ts";
import type { MapNode } from "../ha/value-node.ts";
import type { ValuesFile } from "../ha/values-file.ts";
import type { Context } from "./context.ts";

export { RELEASES_FILE } from "../ha/releases-file.ts";

export interface MergedValues {
  readonly root: MapNode;
  readonly duplicates: readonly DuplicateKey[];
  /** Encrypted scalars that no key at hand opens. */
  readonly sealed: number;
}

/** Reads values and manifests; each file once, keys looked for only when something is encrypted. */
export interface ValuesReader {
  /** Files (absolute paths) merged as helm merges `-f`. Throws as `readValuesFile` does, and `FILE_MISSING`, exit notFound. */
  merged(files: readonly string[]): Promise<MergedValues>;
  /** One file, not merged. */
  file(path: string): Promise<ValuesFile>;
}

export interface ReaderOptions {
  readonly identityFiles: readonly string[];
  /** Paths are shown relative to it when they lie below. */
  readonly workingDirectory: string;
}

export function valuesReader(context: Context, options: ReaderOptions): ValuesReader {
  const identities = once(() => identitiesOf(context, options));
  const files = new Map<string, Promise<ValuesFile>>();
  const file = (path: string): Promise<ValuesFile> => {
    const known = files.get(path) ?? readOne(context, { path, identities, options });
    files.set(path, known);
    return known;
  };
  return {
    file,
    async merged(paths) {
      const read: ValuesFile[] = [];
      for (const path of paths) read.push(await file(path));
      return {
        root: mergeAll(read.map(({ root }) => root)),
        duplicates: read.flatMap(({ duplicates }) => duplicates),
        sealed: read.reduce((sum, { sealed }) => sum + sealed, 0),
      };
    },
  };
}

/** The path as a person would write it here. */
export function shortPath(path: string, workingDirectory: string): string {
  const short = relative(workingDirectory, path);
  return short === "" || short.startsWith("..") || workingDirectory === "/" ? path : short;
}

/** The releases of `ha/releases.yaml` or another such file (absolute path). Throws as `parseReleases` does, and `FILE_MISSING`. */
export async function readReleases(
  path: string,
  workingDirectory: string,
): Promise<DeclaredRelease[]> {
  const bytes = await readInput(path, {
    shown: shortPath(path, workingDirectory),
    hint: `name values and chart on the command line, or write ${RELEASES_FILE}: railiance-cluster ha lint --help`,
  });
  return parseReleases(new TextDecoder().decode(bytes), path);
}

/** The bytes of a file that was asked for. */
export async function readInput(
  path: string,
  options: { readonly shown: string; readonly hint?: string },
): Promise<Uint8Array> {
  const { shown, hint = "correct the path; in a list, paths start at the folder of the list" } =
    options;
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readBytesIfPresent(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === undefined) throw error;
    const message = `cannot read ${shown}: ${code}`;
    throw new OperatorError("precondition", "FILE_UNREADABLE", message, {
      hint: code === "EACCES" ? "run this as root" : "give a file that can be read, not a folder",
      cause: error,
    });
  }
  if (bytes !== undefined) return bytes;
  throw new OperatorError("notFound", "FILE_MISSING", `there is no file ${shown}`, { hint });
}

/** Rules files of an operator (absolute paths). Throws as `parseRules` does, and `FILE_MISSING`. */
export async function ownRules({
  rulesFiles,
  workingDirectory,
}: {
  readonly rulesFiles: readonly string[];
  readonly workingDirectory: string;
}): Promise<ChartRules[]> {
  const own: ChartRules[] = [];
  for (const path of rulesFiles) {
    const shown = shortPath(path, workingDirectory);
    own.push(parseRules(new TextDecoder().decode(await readInput(path, { shown })), shown));
  }
  return own;
}

async function readOne(
  context: Context,
  {
    path,
    identities,
    options,
  }: {
    readonly path: string;
    readonly identities: () => Promise<readonly string[]>;
    readonly options: ReaderOptions;
  },
): Promise<ValuesFile> {
  const file = shortPath(path, options.workingDirectory);
  const bytes = await readInput(path, { shown: file });
  const values = await readValuesFile(bytes, { file, identities });
  if (values.each.length > 1) {
    context.talk({
      type: "warning",
      code: "VALUES_SEVERAL_DOCUMENTS",
      message: `${file} holds ${values.each.length} YAML documents: helm 4 merges them, helm 3 reads only the first`,
      hint: "make one document of it",
    });
  }
  if (values.sealed > 0) {
    const recipients = values.recipients.slice(0, 3).join(", ");
    context.talk({
      type: "warning",
      code: "VALUES_SEALED",
      message: `no key at hand opens ${file}: ${count(values.sealed, "encrypted value")} count as present, unseen`,
      hint: `give a key with -i FILE${recipients === "" ? "" : `; it is encrypted for ${recipients}`}`,
    });
  }
  return values;
}

async function identitiesOf(context: Context, options: ReaderOptions): Promise<readonly string[]> {
  const found = await discoverIdentities(context.host, {
    files: options.identityFiles,
    ask: context.ask,
    workingDirectory: options.workingDirectory,
  });
  for (const warning of keyWarnings(context, found)) context.talk({ type: "warning", ...warning });
  return found.identities.map(({ secret }) => secret);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
