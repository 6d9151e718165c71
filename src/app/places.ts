/** Where the program keeps its own things on a host. */

/** Journal, signing key, what a restore moved aside. 0700. */
export const STATE_FOLDER = "/var/lib/railiance/cluster";
/** One run at a time, also against a drill. */
export const LOCK_FILE = "/run/railiance/cluster.lock";
/** Reports of drills, one file a run. */
export const DRILL_REPORTS = `${STATE_FOLDER}/drills`;
/** Default archive folder: the interface every Railiance layer keeps. */
export const ARCHIVE_FOLDER = "/opt/backup/railiance/cluster";
/** Below an archive folder: what was there before each restore. Kept apart, or it would be the newest backup. */
export const BEFORE_RESTORE = "before-restore";
/** Plaintext goes to memory when it can. */
export const MEMORY_FOLDERS = ["/dev/shm", "/run"];
