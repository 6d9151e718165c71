/** Whether a helm release that the manifest names is in the datastore that was saved beside it. */
import { openBolt } from "../datastore/bolt.ts";
import { liveKeys } from "../datastore/mvcc.ts";
import { openFile } from "../sys/files.ts";
import { openSqlite } from "../sys/sqlite.ts";

export interface ReleaseName {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
}

/**
 * The datastore is saved first and the releases are read after it: an upgrade in
 * the second between is named in the manifest, and in no database. Reads all keys,
 * so ask only when one is missed. `path` is the datastore as it lies in the archive.
 */
export async function hasRelease(
  path: string,
  release: ReleaseName,
  options: { readonly kind: "etcd" | "sqlite"; readonly signal: AbortSignal },
): Promise<boolean> {
  // helm v4.3.1 pkg/storage/storage.go makeKey.
  const record = `${release.namespace}/sh.helm.release.v1.${release.name}.v${release.revision}`;
  const keys = [`/registry/secrets/${record}`, `/registry/configmaps/${record}`];
  if (options.kind === "sqlite") return inSqlite(path, keys);
  await using file = await openFile(path);
  const bolt = await openBolt(file);
  for await (const { key } of liveKeys(bolt, { prefix: "/registry/", signal: options.signal })) {
    if (keys.includes(key)) return true;
  }
  return false;
}

function inSqlite(path: string, keys: readonly string[]): boolean {
  using database = openSqlite(path);
  return keys.some((key) => {
    const newest = "SELECT deleted FROM kine WHERE name = ? ORDER BY id DESC LIMIT 1";
    const [row] = [...database.rows(newest, key)];
    return row?.["deleted"] === 0;
  });
}
