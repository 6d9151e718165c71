/**
 * The age identities of this host, where SOPS 3.13 looks for them (facts/age-sops.md 1):
 * not the first source that has one, but the union of all.
 */
import { join } from "node:path";
import { OperatorError } from "../errors.ts";
import { keysFromCommand } from "./key-command.ts";
import { absolutePath, readKeyFile, shownPath } from "./key-file.ts";
import { failure, parseSource } from "./parse-source.ts";
import { sshKeyProblems } from "./ssh-keys.ts";
import { configFolder, homeOf, valueOf } from "./user-folders.ts";
import type { FoundIdentities, FoundIdentity, KeyProblem, SourceResult } from "./found.ts";
import type { Host } from "../sys/host.ts";

export interface DiscoverOptions {
  /** Files given with `-i`, in order. `-` (standard input) is refused. */
  readonly files: readonly string[];
  /** Asks for the passphrase of a locked key file, without echo; absent when there is no terminal. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** Relative paths count from here. Default: the folder this process runs in. */
  readonly workingDirectory?: string;
  /** Told to SOPS_AGE_KEY_CMD as SOPS_AGE_RECIPIENT; SOPS does so when it decrypts. */
  readonly commandRecipient?: string;
  /** Home folder to use when HOME is not set. Default: the one in the user database. */
  readonly homeWithoutEnvironment?: () => string | undefined;
}

/**
 * Finds every secret age key: `-i` files, SOPS_AGE_KEY, SOPS_AGE_KEY_FILE,
 * SOPS_AGE_KEY_CMD, then `sops/age/keys.txt` of the user's configuration
 * folder; each key once. Only native keys can be used, so "native keys first"
 * (age 1.3 sorts so) needs no sorting here; SSH and plugin keys become problems.
 *
 * Throws an OperatorError (exit `key`) when a `-i` file is missing, unreadable
 * or has no usable key. Every other source that is broken becomes a problem.
 * No message ever holds any part of a key.
 */
export async function discoverIdentities(
  host: Host,
  options: DiscoverOptions,
): Promise<FoundIdentities> {
  const found: FoundIdentity[] = [];
  const problems: KeyProblem[] = [];
  const places: string[] = [];
  const take = (result: SourceResult): void => {
    found.push(...result.identities);
    problems.push(...result.problems);
    if (result.failed !== undefined) problems.push(result.failed);
  };
  for (const file of options.files) {
    places.push(`-i ${shownPath(file)}`);
    take(await fromFlag(file, options));
  }
  for (const source of [fromKeyVariable, fromFileVariable, fromCommandVariable, fromConfigFolder]) {
    const { place, result } = await source(host, options);
    places.push(place);
    if (result !== undefined) take(result);
  }
  const home = homeOf(host, options.homeWithoutEnvironment);
  problems.push(...(await sshKeyProblems(host, home?.path)));
  return { identities: eachOnce(found), problems, places };
}

interface Looked {
  readonly place: string;
  /** Undefined when nothing is there. */
  readonly result?: SourceResult;
}

async function fromFlag(file: string, options: DiscoverOptions): Promise<SourceResult> {
  if (file === "-") {
    throw new OperatorError(
      "usage",
      "STDIN_UNSUPPORTED",
      "-i - (standard input) is not supported",
      {
        hint: "write the key to a file with mode 0600 and give its path",
      },
    );
  }
  const label = `-i ${shownPath(file)}`;
  const result = await fromFile(absolutePath(file, options.workingDirectory), {
    label,
    ask: options.ask,
  });
  const nothing =
    result.identities.length === 0 ? (result.problems[0] ?? noKeyIn(label)) : undefined;
  const fatal = result.failed ?? nothing;
  if (fatal !== undefined) {
    throw new OperatorError(
      "key",
      fatal.code,
      fatal.message,
      fatal.hint === undefined ? {} : { hint: fatal.hint },
    );
  }
  return result;
}

function noKeyIn(label: string): KeyProblem {
  const message = `${label} holds no age secret key`;
  return { level: "warning", code: "KEY_FILE_INVALID", source: label, message };
}

async function fromKeyVariable(host: Host, options: DiscoverOptions): Promise<Looked> {
  const label = "SOPS_AGE_KEY";
  const value = valueOf(host, label);
  if (value === undefined) return { place: `${label} (not set)` };
  const bytes = new TextEncoder().encode(value);
  return {
    place: label,
    result: await parseSource(bytes, { label, manyPerLine: true, ask: options.ask }),
  };
}

async function fromFileVariable(host: Host, options: DiscoverOptions): Promise<Looked> {
  const value = valueOf(host, "SOPS_AGE_KEY_FILE");
  if (value === undefined) return { place: "SOPS_AGE_KEY_FILE (not set)" };
  const label = `SOPS_AGE_KEY_FILE (${shownPath(value)})`;
  const path = absolutePath(value, options.workingDirectory);
  return { place: label, result: await fromFile(path, { label, ask: options.ask }) };
}

async function fromCommandVariable(host: Host, options: DiscoverOptions): Promise<Looked> {
  const label = "SOPS_AGE_KEY_CMD";
  const value = valueOf(host, label);
  // By reading, SOPS crashes on an empty command; we take it as unset.
  if (value === undefined) return { place: `${label} (not set)` };
  const result = await keysFromCommand(host, value, {
    label,
    ask: options.ask,
    recipient: options.commandRecipient,
    workingDirectory: options.workingDirectory,
  });
  return { place: label, result };
}

async function fromConfigFolder(host: Host, options: DiscoverOptions): Promise<Looked> {
  const folder = configFolder(host, options.homeWithoutEnvironment);
  if (folder === undefined) {
    return {
      place:
        "sops/age/keys.txt (neither XDG_CONFIG_HOME nor HOME is set, and this user has no home folder)",
    };
  }
  const path = join(folder.path, "sops/age/keys.txt");
  const place = folder.note === undefined ? path : `${path} (${folder.note})`;
  const result = await fromFile(path, { label: place, ask: options.ask, optional: true });
  return { place, result };
}

async function fromFile(
  path: string,
  options: {
    readonly label: string;
    readonly ask: DiscoverOptions["ask"];
    /** No complaint when the file is not there. */
    readonly optional?: boolean;
  },
): Promise<SourceResult> {
  const { label } = options;
  const file = await readKeyFile(path);
  if (file.state === "missing") {
    if (options.optional === true) return { identities: [], problems: [] };
    return failure(label, { code: "KEY_FILE_MISSING", reason: "does not exist" });
  }
  if (file.state === "unreadable") {
    return failure(label, { code: "KEY_FILE_UNREADABLE", reason: file.reason });
  }
  const result = await parseSource(file.bytes, { label, ask: options.ask });
  if (file.looseMode === undefined) return result;
  const loose: KeyProblem = {
    level: "warning",
    code: "KEY_FILE_EXPOSED",
    source: label,
    message: `${label} is open to other users (mode 0${file.looseMode.toString(8)})`,
    hint: `chmod 600 ${path}`,
  };
  return { ...result, problems: [...result.problems, loose] };
}

function eachOnce(found: readonly FoundIdentity[]): FoundIdentity[] {
  const first = new Map<string, FoundIdentity>();
  for (const identity of found) {
    if (!first.has(identity.recipient)) first.set(identity.recipient, identity);
  }
  return [...first.values()];
}
