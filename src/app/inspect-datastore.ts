/** One way to inspect either kind of datastore file. */
import { inspectSnapshot } from "../datastore/etcd-snapshot.ts";
import { inspectSqlite } from "../datastore/sqlite-inspect.ts";
import { openFile } from "../sys/files.ts";
import { openSqlite } from "../sys/sqlite.ts";
import type { InspectOptions } from "../datastore/etcd-snapshot.ts";
import type { DatastoreFacts } from "../datastore/facts.ts";
import type { ObjectStore } from "../datastore/objects.ts";

/** Reads it to its end. Throws what `inspectSnapshot` or `inspectSqlite` throw. */
export async function inspectDatastore(
  { file, database }: ObjectStore,
  options: InspectOptions,
): Promise<DatastoreFacts> {
  return database === undefined
    ? await inspectSnapshot(file, options)
    : await inspectSqlite({ file, database }, options);
}

/** The same for a file that has a path. */
export async function inspectDatastoreAt(
  path: string,
  options: InspectOptions & { readonly kind: "etcd" | "sqlite" },
): Promise<DatastoreFacts> {
  await using file = await openFile(path);
  using database = options.kind === "sqlite" ? openSqlite(path) : undefined;
  return await inspectDatastore({ file, database }, options);
}
