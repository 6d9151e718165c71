/**
 * The one kind of error a person can cause, and the table of exit codes.
 * Anything else that is thrown is a bug: `main` prints its stack and exits 1.
 */

/** Exit codes and the status word each stands for (facts/operations.md 4). */
export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  partial: 3,
  verifyFailed: 4,
  precondition: 5,
  replicateFailed: 6,
  locked: 7,
  key: 8,
  notFound: 9,
  refused: 10,
  drift: 11,
  drillFailed: 12,
  interrupted: 130,
  terminated: 143,
} as const;

export type ExitName = keyof typeof EXIT;

export interface OperatorErrorOptions {
  /** What to do next: one sentence, or a command to type. Shown on lines of its own. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * A failure the operator can understand and act on. `message` is one sentence
 * (what, where) without final stop or secret; `hint` says what to do next.
 * `code` is a stable SCREAMING_SNAKE symbol for scripts; `exit` names the row
 * of the exit-code table.
 */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
  readonly code: string;
  readonly exit: ExitName;
  readonly hint: string | undefined;

  constructor(exit: ExitName, code: string, message: string, options: OperatorErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.exit = exit;
    this.code = code;
    this.hint = options.hint;
  }
}

/** The message of anything thrown, for embedding in a sentence. Never use it on errors that may hold secrets. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** The `code` of a Node-style system error (`ENOENT`), or undefined. */
export function systemCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}
