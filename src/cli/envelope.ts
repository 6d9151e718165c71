/** The result every command leaves: `railiance.result/1` (facts/operations.md 4). Fields may be added, never change meaning. */
import { EXIT } from "../errors.ts";
import { FULL_VERSION } from "../version.ts";
import type { ExitName } from "../errors.ts";

export const RESULT_SCHEMA = "railiance.result/1";

export interface EnvelopeError {
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

export interface RunFacts {
  /** Null when the command line named none. */
  readonly command: string | null;
  readonly runId: string;
  readonly host: string;
  readonly started: Date;
  readonly ended: Date;
  readonly durationMs: number;
  readonly exit: ExitName;
  readonly clusterId: string | undefined;
  readonly warnings: readonly EnvelopeError[];
  readonly error: EnvelopeError | null;
  /** Fields of the command. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The envelope as a plain object. Unknown fields are left out; `null` means known to be none. */
export function envelope(facts: RunFacts): Record<string, unknown> {
  return {
    schema: RESULT_SCHEMA,
    layer: "S2",
    component: "cluster",
    command: facts.command,
    run_id: facts.runId,
    host: facts.host,
    ...(facts.clusterId === undefined ? {} : { cluster_id: facts.clusterId }),
    tool_version: FULL_VERSION,
    started_at: utc(facts.started),
    ended_at: utc(facts.ended),
    duration_ms: Math.round(facts.durationMs),
    status: statusWord(facts.exit),
    exit_code: EXIT[facts.exit],
    ...facts.fields,
    warnings: facts.warnings,
    error: facts.error,
  };
}

/** The status column of the exit-code table: `verifyFailed` is `verify-failed`; both signals are `interrupted`. */
export function statusWord(exit: ExitName): string {
  if (exit === "terminated") return "interrupted";
  return exit.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function utc(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, "Z");
}
