/** A datastore of either kind as one side of a comparison. */
import type { RandomAccess } from "../sys/files.ts";
import type { SqlReader } from "../sys/sqlite.ts";
import type { ObjectSource } from "./compare.ts";
import { etcdObjects } from "./etcd-objects.ts";
import type { EtcdObjectsOptions } from "./etcd-objects.ts";
import { kineObjects } from "./kine-objects.ts";

export interface ObjectStore {
  readonly file: RandomAccess;
  /** The same file open in SQLite; undefined for an etcd snapshot. */
  readonly database: SqlReader | undefined;
}

/** The live records of a datastore that was proven before. `bootstrap` of the same one. */
export function objectsIn(
  { file, database }: ObjectStore,
  options: EtcdObjectsOptions,
): ObjectSource {
  return database === undefined ? etcdObjects(file, options) : kineObjects(database, options);
}
