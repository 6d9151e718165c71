/** One thing that `doctor` looked at. */
import { OperatorError, messageOf, systemCode } from "../errors.ts";
import type { ExitName } from "../errors.ts";
import type { Host } from "../sys/host.ts";

export interface DoctorCheck {
  /** Stable, e.g. `restore.unfinished`. */
  readonly id: string;
  /** `warn`: works, but should be known. `fail`: a backup, a restore or K3s itself will not work. */
  readonly outcome: "ok" | "warn" | "fail";
  /** One sentence without full stop: what was seen, and where. */
  readonly detail: string;
  /** What to type: a command, or a clause and a command. */
  readonly hint?: string;
  /** Of a failed check: the row of the exit-code table. Default precondition. */
  readonly exit?: ExitName;
}

export function ok(id: string, detail: string): DoctorCheck {
  return { id, outcome: "ok", detail };
}

export function warn(id: string, detail: string, hint?: string): DoctorCheck {
  return { id, outcome: "warn", detail, ...(hint === undefined ? {} : { hint }) };
}

export function fail(
  id: string,
  detail: string,
  options: { readonly hint?: string | undefined; readonly exit?: ExitName } = {},
): DoctorCheck {
  const { hint, exit } = options;
  return {
    id,
    outcome: "fail",
    detail,
    ...(hint === undefined ? {} : { hint }),
    ...(exit === undefined ? {} : { exit }),
  };
}

type Found = DoctorCheck | readonly DoctorCheck[];

/**
 * Runs one look; what a command would refuse with becomes a failed check, and so does
 * what the system says: one unreadable file must not hide the answers to everything
 * else. Throws when a signal came, or for a bug.
 */
export async function guarded(
  host: Host,
  id: string,
  look: () => Promise<Found>,
): Promise<readonly DoctorCheck[]> {
  try {
    const found = await look();
    return isOne(found) ? [found] : found;
  } catch (error) {
    host.signal.throwIfAborted();
    if (error instanceof OperatorError) {
      return [fail(id, error.message, { hint: error.hint, exit: error.exit })];
    }
    if (systemCode(error) === undefined) throw error;
    return [fail(id, `this could not be looked at: ${messageOf(error)}`)];
  }
}

function isOne(found: Found): found is DoctorCheck {
  return "id" in found;
}
