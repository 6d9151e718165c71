/**
 * Holds K3s back while a restore is half done. With its database moved aside a
 * plain start silently brings up an empty cluster (k3s-observed.md 4, 13); so a
 * drop-in makes every start depend on the journal being gone, and it survives a
 * reboot.
 *
 * Only for our own start a drop-in of the same name in a folder that counts
 * more, on tmpfs, hides it: a power cut closes it again. (A second, triggering
 * condition would do the same, but any `ConditionX=|…` of the operator's would
 * then open the guard.) It sorts last, so that an empty `ConditionPathExists=`
 * in another drop-in does not clear it.
 */
import { dirname } from "node:path";
import { writeFileAtomic } from "../sys/atomic.ts";
import { linkStatOf, readTextIfPresent } from "../sys/files.ts";
import { ensureFolder, removeFile, removeIfEmpty } from "../sys/remove.ts";
import { reloadUnits } from "./service.ts";
import { UNIT } from "./unit.ts";
import type { Host } from "../sys/host.ts";

const NAME = "zz-railiance-restore.conf";
export const GUARD_FILE = `/etc/systemd/system/${UNIT}.d/${NAME}`;
/** Before /etc in systemd's order of unit folders, and gone after a reboot (systemd.unit(5)). */
export const GUARD_OPEN_FILE = `/run/systemd/system.control/${UNIT}.d/${NAME}`;

/**
 * What of the guard is on this host. `on`: the drop-in that holds K3s back is there; `open`: the one
 * that hides it until the next boot is there too.
 */
export async function guardState(): Promise<{ readonly on: boolean; readonly open: boolean }> {
  return {
    on: (await linkStatOf(GUARD_FILE)) !== undefined,
    open: (await linkStatOf(GUARD_OPEN_FILE)) !== undefined,
  };
}

/**
 * Puts the guard on, closed; `journal` is the file whose presence holds K3s back.
 * Its description is what `systemctl status k3s` and the log of a refused start show (systemd.unit(5):
 * the last assignment wins).
 */
export async function putGuard(host: Host, journal: string): Promise<void> {
  const text = `# A restore by railiance-cluster is not finished. K3s started now may come up empty.
# To go on: railiance-cluster restore --resume     To go back: railiance-cluster restore --rollback
[Unit]
Description=K3s (held back: a restore is not finished; go on: railiance-cluster restore --resume; go back: railiance-cluster restore --rollback; why: railiance-cluster doctor)
Documentation=file://${journal}
ConditionPathExists=!${journal}
`;
  await ensureFolder(dirname(GUARD_FILE));
  // Not written again when it is there: going back has to work on a full disk too.
  if ((await readTextIfPresent(GUARD_FILE)) !== text) {
    await writeFileAtomic(GUARD_FILE, text, { mode: 0o644 });
  }
  await removeFile(GUARD_OPEN_FILE);
  await reloadUnits(host);
}

/** Lets K3s start although the journal is there; until the next boot, `putGuard` or `removeGuard`. */
export async function openGuard(host: Host): Promise<void> {
  await ensureFolder(dirname(GUARD_OPEN_FILE));
  await writeFileAtomic(GUARD_OPEN_FILE, "# railiance-cluster starts K3s itself.\n", {
    mode: 0o644,
  });
  await reloadUnits(host);
}

/** Takes the guard off for good. */
export async function removeGuard(host: Host): Promise<void> {
  const wasThere =
    (await linkStatOf(GUARD_FILE)) !== undefined ||
    (await linkStatOf(GUARD_OPEN_FILE)) !== undefined;
  await removeFile(GUARD_FILE);
  await removeFile(GUARD_OPEN_FILE);
  await removeIfEmpty(dirname(GUARD_FILE));
  await removeIfEmpty(dirname(GUARD_OPEN_FILE));
  if (wasThere) await reloadUnits(host);
}
