/** What is said of a snapshot that is not whole. Everything here is evidence found in the file, never a secret. */
import { OperatorError } from "../errors.ts";

export const USE_ANOTHER =
  "do not restore from this file: take another backup, or use an older one";

/** The error for pages that do not fit together. `what` is a clause: "page 7 says it is page 9". */
export function structureError(what: string): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "SNAPSHOT_STRUCTURE",
    `the snapshot's database is damaged: ${what}`,
    { hint: USE_ANOTHER },
  );
}

/** The error for a file in which no bolt database can be found at all. */
export function notBoltError(what: string): OperatorError {
  return new OperatorError(
    "verifyFailed",
    "SNAPSHOT_NOT_BOLT",
    `this is not an etcd snapshot: ${what}`,
    { hint: "check that the path names a file written by `k3s etcd-snapshot save`" },
  );
}
