/** From anything thrown to what a person and a script get to see of it. */
import { OperatorError } from "../errors.ts";
import { explainDiskError } from "../sys/write-errors.ts";
import { FULL_VERSION, PROGRAM } from "../version.ts";
import type { ExitName } from "../errors.ts";
import type { EnvelopeError } from "./envelope.ts";
import type { ShownError } from "./talk.ts";

export interface Failure {
  readonly exit: ExitName;
  readonly error: EnvelopeError;
  readonly shown: ShownError;
}

/**
 * An OperatorError is one sentence and a hint. Anything else is our fault:
 * exit 1 with its stack. After a signal, whatever broke while unwinding is
 * told as the signal.
 */
export function failureOf(thrown: unknown, signal: AbortSignal): Failure {
  const first = explainDiskError(firstOf(thrown));
  const told =
    signal.aborted && !(first instanceof OperatorError) && signal.reason instanceof OperatorError
      ? signal.reason
      : first;
  if (told instanceof OperatorError) {
    const { message, hint, code } = told;
    const text = hint === undefined ? { message } : { message, hint };
    return { exit: told.exit, error: { code, ...text }, shown: text };
  }
  const cause = told instanceof Error ? `${told.name}: ${told.message}` : String(told);
  const text = {
    message: `this is a fault in ${PROGRAM} ${FULL_VERSION}: ${cause}`,
    hint: "please report it with the lines below; look at them first, they name files of this host",
  };
  const stack = told instanceof Error ? stackOf(told) : "";
  return {
    exit: "error",
    error: { code: "INTERNAL", ...text },
    shown: stack === "" ? text : { ...text, stack },
  };
}

/** What went wrong before clearing up went wrong too; that is cleared up at the next start. */
function firstOf(thrown: unknown): unknown {
  return thrown instanceof SuppressedError ? firstOf(thrown.suppressed) : thrown;
}

/** Only the frames: the message above them is already shown. */
function stackOf(error: Error): string {
  const lines = (error.stack ?? "").split("\n").map((line) => line.trim());
  return lines.filter((line) => line.startsWith("at ")).join("\n");
}
