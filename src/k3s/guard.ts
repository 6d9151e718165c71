/**
 * Holds K3s back while a restore is half done. With its database moved aside a
 * plain start silently brings up an empty cluster (k3s-observed.md 4, 13); so a
 * drop-in makes every start depend on the journal being gone, and it survives a
 * reboot. Only for our own start, a flag on tmpfs opens it: a power cut closes
 * it again.
 */
import { dirname } from "node:path";
import { writeFileAtomic } from "../sys/atomic.ts";
import { ensureFolder, removeFile } from "../sys/remove.ts";
import { reloadUnits } from "./service.ts";
import { UNIT } from "./unit.ts";
import type { Host } from "../sys/host.ts";

export const GUARD_FILE = `/etc/systemd/system/${UNIT}.d/00-railiance-restore.conf`;
const ALLOW_FILE = "/run/railiance/cluster.start-allowed";

/** Puts the guard on; `journal` is the file whose presence holds K3s back. */
export async function putGuard(host: Host, journal: string): Promise<void> {
  await ensureFolder(dirname(GUARD_FILE));
  await writeFileAtomic(
    GUARD_FILE,
    `# A restore by railiance-cluster is not finished. K3s started now would come up empty.
# To go on: railiance-cluster restore --resume     To go back: railiance-cluster restore --rollback
[Unit]
ConditionPathExists=|!${journal}
ConditionPathExists=|${ALLOW_FILE}
`,
    { mode: 0o644 },
  );
  await reloadUnits(host);
}

/** Lets K3s start although the journal is there; until the next boot or `closeGuard`. */
export async function openGuard(): Promise<void> {
  await ensureFolder(dirname(ALLOW_FILE), 0o700);
  await writeFileAtomic(ALLOW_FILE, "");
}

/** Takes the permission of `openGuard` back. */
export async function closeGuard(): Promise<void> {
  await removeFile(ALLOW_FILE);
}

/** Takes the guard off for good. */
export async function removeGuard(host: Host): Promise<void> {
  await removeFile(GUARD_FILE);
  await closeGuard();
  await reloadUnits(host);
}
