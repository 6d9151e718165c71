/** What the system says when a write fails, as a sentence. */
import { OperatorError, systemCode } from "../errors.ts";

const REASONS: Readonly<Record<string, readonly [string, string]>> = {
  ENOSPC: [
    "no space is left on the device",
    "free some space or choose another folder, then run this again",
  ],
  EDQUOT: [
    "the disk quota is used up",
    "raise the quota or choose another folder, then run this again",
  ],
  EROFS: [
    "the file system is read-only",
    "mount it writable or choose another folder, then run this again",
  ],
  EIO: ["the device reported an I/O error", "check the disk (dmesg), then run this again"],
  EACCES: ["permission was denied", "run this as root"],
  EPERM: [
    "the operation was not permitted",
    "check mount options and attributes of the folder (lsattr)",
  ],
};

/**
 * Turns a failed write to `place` into an OperatorError `WRITE_FAILED`; other
 * errors, and OperatorErrors, are returned as they are.
 */
export function explainWriteError(error: unknown, place: string): unknown {
  const known = REASONS[systemCode(error) ?? ""];
  if (known === undefined || error instanceof OperatorError) return error;
  const [reason, hint] = known;
  return new OperatorError("precondition", "WRITE_FAILED", `cannot write to ${place}: ${reason}`, {
    hint: `nothing unfinished was left behind; ${hint}`,
    cause: error,
  });
}

/**
 * For what no caller has explained: a disk that is full, read-only or broken is
 * no fault of ours, wherever it shows. Other errors are returned as they are.
 */
export function explainDiskError(error: unknown): unknown {
  const code = systemCode(error) ?? "";
  if (!["ENOSPC", "EDQUOT", "EROFS", "EIO"].includes(code)) return error;
  const [reason, hint] = REASONS[code] ?? ["", ""];
  return new OperatorError("precondition", "DISK_FAILED", `${reason}${placeOf(error)}`, {
    hint: `${hint}; what is left of this run is removed at the next start`,
    cause: error,
  });
}

/** Node's system errors name the call, and the path when the call has one. */
function placeOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const call = "syscall" in error ? String(error.syscall) : "";
  const path = "path" in error ? String(error.path) : "";
  const words = [call, path].filter((word) => word !== "").join(" ");
  return words === "" ? "" : ` (${words})`;
}
