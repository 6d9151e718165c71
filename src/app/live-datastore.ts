/** The datastore of this host, running or lying still: saved, proven, and open for a comparison. */
import { bootstrapFile, caHash } from "../datastore/bootstrap.ts";
import { objectsIn } from "../datastore/objects.ts";
import { OperatorError } from "../errors.ts";
import { detectDatastore } from "../k3s/datastore-kind.ts";
import { serverRuns } from "../k3s/service.ts";
import { openFile } from "../sys/files.ts";
import { openSqlite } from "../sys/sqlite.ts";
import { copyEtcd } from "./etcd-copy.ts";
import { saveDatastore } from "./save-datastore.ts";
import type { ObjectSource } from "../datastore/compare.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Stage } from "../sys/stage.ts";
import type { Context } from "./context.ts";
import type { ProvenDatastore, SavableKind } from "./save-datastore.ts";

export interface LiveDatastore extends AsyncDisposable {
  /** SHA-256 of the server CA, as `Manifest.cluster.id`. */
  readonly clusterId: string;
  readonly revision: number;
  readonly keys: number;
  /** K3s was down: what its files hold was read. */
  readonly stopped: boolean;
  readonly source: ObjectSource;
  /** The same as a backup takes it. */
  readonly saved: ProvenDatastore;
}

/**
 * Saves what K3s has on this host: a snapshot through K3s or a copy of its
 * SQLite database, as a backup does; and while K3s is down a copy of etcd's own file.
 * Disposing removes it. Call as root, while holding the lock. Throws an OperatorError:
 * what `takeSnapshot`, `copyEtcd` and `copyDatabase` throw, or `DATASTORE_UNSUPPORTED`
 * when there is nothing of ours to read.
 */
export async function openLiveDatastore(
  context: Context,
  settings: Settings,
  stage: Stage,
): Promise<LiveDatastore> {
  const datastore = await requireReadable(settings);
  await using cleanup = new AsyncDisposableStack();
  const { saved, stopped } = await saveAnyhow(context, settings, { datastore, stage });
  cleanup.use(saved);
  const file = cleanup.use(await openFile(saved.saved.path));
  const database = saved.kind === "sqlite" ? cleanup.use(openSqlite(saved.saved.path)) : undefined;
  const { bootstrap, revision, keys } = saved.facts;
  const authority = bootstrap === undefined ? undefined : bootstrapFile(bootstrap, "ServerCA");
  if (authority === undefined) throw new TypeError("the datastore was not opened with its token");
  const source = objectsIn({ file, database }, { bootstrap, signal: context.host.signal });
  const held = cleanup.move();
  return {
    clusterId: caHash(authority),
    revision,
    keys,
    stopped,
    source,
    saved,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

interface Saved {
  readonly saved: ProvenDatastore;
  readonly stopped: boolean;
}

/** K3s may also be there and unable to save, starting again and again for one. */
async function saveAnyhow(
  context: Context,
  settings: Settings,
  from: { readonly datastore: SavableKind; readonly stage: Stage },
): Promise<Saved> {
  const running = await serverRuns();
  const saved = async (): Promise<ProvenDatastore> => saveDatastore(context, settings, from);
  if (from.datastore.kind === "sqlite") return { saved: await saved(), stopped: !running };
  const copied = async (): Promise<Saved> => ({
    saved: { ...(await copyEtcd(context, settings)), kind: "etcd" },
    stopped: true,
  });
  if (!running) return await copied();
  try {
    return { saved: await saved(), stopped: false };
  } catch (error) {
    context.host.signal.throwIfAborted();
    if (!(error instanceof OperatorError)) throw error;
    context.talk({ type: "note", text: `${error.message}; trying its files instead` });
    try {
      return await copied();
    } catch (second) {
      if (second instanceof OperatorError && second.code === "DATABASE_BUSY") throw error;
      throw second;
    }
  }
}

async function requireReadable(settings: Settings): Promise<SavableKind> {
  const found = await detectDatastore(settings);
  if (found.kind === "etcd" || found.kind === "sqlite") return found;
  const what = {
    external: "it is in an external database",
    tombstone: "this server was removed from its etcd cluster",
    none: "there is none on this host",
  }[found.kind];
  throw new OperatorError(
    "precondition",
    "DATASTORE_UNSUPPORTED",
    `the live cluster's data cannot be compared: ${what}`,
    { hint: "two archives can be compared anywhere: railiance-cluster diff OLDER NEWER" },
  );
}
