/** What the pieces of a restore by hand mean: values in, a verdict out. */
import type { AttemptFacts, Candidate, Trace } from "./attempt-facts.ts";

export type AttemptVerdict =
  /** Nothing of an attempt is in the way. */
  | { readonly state: "none" }
  /**
   * The database is in an `etcd-old-…`, and what a start takes instead is nothing, parts
   * of a database, or an empty cluster (`instead`).
   */
  | { readonly state: "failed"; readonly real: Candidate; readonly instead: Instead }
  /** A snapshot is in place, and no token of this host opens it. */
  | { readonly state: "wrong-token"; readonly real: Candidate }
  /** A snapshot is in place, and K3s has not run on it yet. */
  | { readonly state: "not-started"; readonly real: Candidate | undefined }
  /** Parts of a database, and nothing that was kept. */
  | { readonly state: "torso" }
  /** A database beside the kept ones that cannot be read, so nothing can be said. */
  | { readonly state: "unknown"; readonly real: Candidate };

export type Instead = "nothing" | "torso" | "sqlite" | "etcd";

/** Clocks of one host, set right in between. */
const SKEW = 120_000;

/** Decides from what was read; `running`: K3s is up, which one that systemd starts again and again is not. */
export function judgeAttempt(facts: AttemptFacts, running: boolean): AttemptVerdict {
  const { folder, current } = facts;
  if (folder.etcd === "tombstone") return { state: "none" };
  const real = realOf(facts.candidates);
  if (folder.etcd !== "database") return withoutEtcd(facts, real);
  if (real === undefined) {
    const waits = folder.resetFlag && !running;
    return waits ? { state: "not-started", real } : { state: "none" };
  }
  if (current === undefined) return { state: "unknown", real };
  if (isAnew(current, real)) return { state: "failed", real, instead: "etcd" };
  if (!running && isLocked(facts)) return { state: "wrong-token", real };
  const older = current.alive !== undefined && real.trace?.alive !== undefined;
  const neverRan = older && (current.alive ?? 0) < (real.trace?.alive ?? 0);
  if (!running && (folder.resetFlag || neverRan)) return { state: "not-started", real };
  return { state: "none" };
}

function withoutEtcd(facts: AttemptFacts, real: Candidate | undefined): AttemptVerdict {
  const { etcd, database } = facts.folder;
  if (real === undefined) {
    return etcd === "torso" && database === undefined ? { state: "torso" } : { state: "none" };
  }
  if (database === undefined) {
    return { state: "failed", real, instead: etcd === "torso" ? "torso" : "nothing" };
  }
  const begun = facts.current?.begun ?? database.made;
  // A SQLite cluster that is older than the reset is what this server ran on all the time.
  if (begun.getTime() < real.old.moved.getTime() - SKEW) return { state: "none" };
  return { state: "failed", real, instead: "sqlite" };
}

/**
 * Which of several kept databases is the server's own: not one of a cluster that began after
 * another was moved aside (the empty one a start made), and of the others the one that was
 * alive last: a snapshot that was put in place and never ran is older. It may be the oldest
 * by name (k3s-observed.md 13).
 */
export function realOf(candidates: readonly Candidate[]): Candidate | undefined {
  const own = candidates.filter(
    ({ trace }, index) =>
      trace !== undefined &&
      !candidates
        .slice(0, index)
        .some((earlier) => earlier.trace !== undefined && isAnew(trace, earlier)),
  );
  let best = own[0];
  for (const one of own) {
    const [newer, known] = [one.trace?.alive, best?.trace?.alive];
    if (newer !== undefined && (known === undefined || newer > known)) best = one;
  }
  return best ?? candidates[0];
}

/** A cluster that began when the other one's database was gone. One that has no namespace yet has hardly begun. */
function isAnew(trace: Trace, old: Candidate): boolean {
  if (old.trace?.uid === undefined || trace.uid === old.trace.uid) return false;
  if (trace.uid === undefined || trace.begun === undefined) return true;
  return trace.begun.getTime() >= old.old.moved.getTime() - SKEW;
}

/** What K3s would use at a start, the configuration first, does not open what is in place. */
function isLocked({ current, passwd, configured }: AttemptFacts): boolean {
  const opens = current?.tokenHashes ?? [];
  const used = configured ?? passwd;
  return opens.length > 0 && (used === undefined || !opens.includes(used));
}
