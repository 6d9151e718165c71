/** The database that stands ready for K3s is the archive's: seen before K3s is started with it. */
import { etcdStateAt } from "../datastore/etcd-state.ts";
import { OperatorError, systemCode } from "../errors.ts";
import { openFile } from "../sys/files.ts";
import { sha256OfFile } from "../sys/hash.ts";
import { count } from "../words.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { EtcdState } from "../datastore/etcd-state.ts";

/**
 * Throws an OperatorError `NOT_RESTORED` unless the database below `dataDir` holds
 * what the manifest says; then nothing has been started with it. Call with K3s
 * stopped. Gives a phrase.
 */
export async function requireRestored(
  manifest: Manifest,
  options: { readonly dataDir: string; readonly signal: AbortSignal },
): Promise<string> {
  const { datastore } = manifest;
  const db = `${options.dataDir}/server/db`;
  try {
    if (datastore.kind === "sqlite") await requireFile(`${db}/state.db`, manifest);
    else await requireEtcd(`${db}/etcd/member/snap/db`, { manifest, signal: options.signal });
  } catch (error) {
    if (systemCode(error) === "ENOENT") throw notRestored("it is not there");
    const damaged = error instanceof OperatorError && error.exit === "verifyFailed";
    throw damaged ? notRestored(error.message) : error;
  }
  return `revision ${datastore.revision}, ${count(datastore.keys, "key")} as in the archive`;
}

/** SQLite is started on a copy of the file. */
async function requireFile(path: string, { entries, datastore }: Manifest): Promise<void> {
  const entry = entries.find((one) => one.path === datastore.entry);
  if ((await sha256OfFile(path)) !== entry?.sha256) throw notRestored("its content is another");
}

/**
 * The file alone can be trusted, though etcd wrote a log beside it: what the
 * snapshot held was in the file before etcd first ran on it, and what etcd added in
 * the reset lies after the snapshot's revision. There K3s may have written keys of
 * its own, and leases may have run out (an API server's lasts 15 s), so deleted
 * objects say nothing; but no API server ran that could have written one.
 */
async function requireEtcd(
  path: string,
  { manifest, signal }: { readonly manifest: Manifest; readonly signal: AbortSignal },
): Promise<void> {
  await using file = await openFile(path);
  const { datastore } = manifest;
  const found = await etcdStateAt(file, { revision: datastore.revision, signal });
  const problem = problemOf(found, datastore);
  if (problem !== undefined) throw notRestored(problem);
}

function problemOf(found: EtcdState, wanted: Manifest["datastore"]): string | undefined {
  if (found.revision < wanted.revision) {
    return `it ends at revision ${found.revision}, the archive at ${wanted.revision}`;
  }
  if (found.newerObjects > 0) {
    return `${count(found.newerObjects, "object")} in it ${found.newerObjects === 1 ? "is" : "are"} newer than the archive`;
  }
  if (found.keys !== wanted.keys) {
    return `at revision ${wanted.revision} it has ${count(found.keys, "key")}, the archive ${wanted.keys}`;
  }
  // None: etcd before 3.5 writes its members when it starts.
  if (found.members.length > 1) {
    return `it still has ${found.members.length} members, and would wait for the others`;
  }
  return undefined;
}

function notRestored(problem: string): OperatorError {
  return new OperatorError(
    "error",
    "NOT_RESTORED",
    `the database that the reset left is not the archive's: ${problem}`,
    {
      hint: "K3s was not started with it; see what other archives there are: railiance-cluster list",
    },
  );
}
