/** Snapshots of ours that killed runs left: whole ones, and halves. */
import { namesIn } from "../sys/files.ts";
import { removeFile } from "../sys/remove.ts";
import { nodeNameOf } from "./settings.ts";
import type { Host } from "../sys/host.ts";
import type { Settings } from "./settings.ts";

/**
 * Snapshots of ours in the snapshot folder, by name: while we hold the lock and
 * have none, what a killed run left. Those of another node in a shared folder
 * are not ours. Under `with-node-id` the node name carries a suffix of K3s's.
 */
export async function leftoverSnapshots(host: Host, settings: Settings): Promise<string[]> {
  const names = await namesIn(settings.snapshotDir);
  return names.filter((name) => isOurs(name, { host, settings }));
}

/**
 * Removes unfinished snapshots of ours: etcd writes to `<name>.part`, and a power
 * cut leaves that, which K3s neither lists nor deletes. Call only after a save of
 * ours has succeeded: K3s does one at a time, so none of these is still being written.
 */
export async function removeTornSnapshots(host: Host, settings: Settings): Promise<void> {
  for (const name of await namesIn(settings.snapshotDir)) {
    const whole = /^(.*)\.part$/.exec(name)?.[1];
    if (whole === undefined || !isOurs(whole, { host, settings })) continue;
    await removeFile(`${settings.snapshotDir}/${name}`);
  }
}

function isOurs(
  name: string,
  { host, settings }: { readonly host: Host; readonly settings: Settings },
): boolean {
  const node = nodeNameOf(settings, host);
  const of = /^(?:s2-|x-)?railiance-s2-[0-9a-f]{4}-(.+)-\d+$/.exec(name)?.[1];
  // Without that setting such an ending is part of a name: `web-20261123` is not `web`.
  if (of === node || settings.one("with-node-id") !== "true") return of === node;
  return of?.replace(/-[0-9a-f]{8}$/, "") === node;
}
