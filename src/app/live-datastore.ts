/** The datastore of the cluster that runs here, as a snapshot saved through K3s and removed again. */
import { bootstrapFile, caHash } from "../datastore/bootstrap.ts";
import { etcdObjects } from "../datastore/etcd-objects.ts";
import { OperatorError } from "../errors.ts";
import { detectDatastore } from "../k3s/datastore-kind.ts";
import { openFile } from "../sys/files.ts";
import { takeSnapshot } from "./snapshot.ts";
import type { ObjectSource } from "../datastore/compare.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Stage } from "../sys/stage.ts";
import type { Context } from "./context.ts";

export interface LiveDatastore extends AsyncDisposable {
  /** SHA-256 of the server CA, as `Manifest.cluster.id`. */
  readonly clusterId: string;
  readonly revision: number;
  readonly keys: number;
  readonly source: ObjectSource;
}

/**
 * Saves a snapshot, proves it and opens it; disposing removes it. Call as root,
 * while holding the lock. Throws an OperatorError: what `takeSnapshot` throws,
 * or `DATASTORE_UNSUPPORTED` when K3s does not run on embedded etcd.
 */
export async function openLiveDatastore(
  context: Context,
  settings: Settings,
  stage: Stage,
): Promise<LiveDatastore> {
  await requireEtcdHere(settings);
  await using cleanup = new AsyncDisposableStack();
  const { saved, facts } = cleanup.use(await takeSnapshot(context, settings, stage));
  const file = cleanup.use(await openFile(saved.path));
  const { bootstrap, revision, keys } = facts;
  const authority = bootstrap === undefined ? undefined : bootstrapFile(bootstrap, "ServerCA");
  if (authority === undefined) throw new TypeError("the snapshot was not opened with its token");
  const source = etcdObjects(file, { bootstrap, signal: context.host.signal });
  const held = cleanup.move();
  return {
    clusterId: caHash(authority),
    revision,
    keys,
    source,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function requireEtcdHere(settings: Settings): Promise<void> {
  const found = await detectDatastore(settings);
  if (found.kind === "etcd") return;
  const what = {
    sqlite: "it is in SQLite",
    external: "it is in an external database",
    tombstone: "this server was removed from its etcd cluster",
    none: "there is none on this host",
  }[found.kind];
  throw new OperatorError(
    "precondition",
    "DATASTORE_UNSUPPORTED",
    `the live cluster's data cannot be compared: only embedded etcd can, and ${what}`,
    { hint: "two archives can be compared anywhere: railiance-cluster diff OLDER NEWER" },
  );
}
