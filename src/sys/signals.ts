/** Signals become an abort, so that everything unwinds and cleans up; only `main` exits. */
import { OperatorError } from "../errors.ts";

/** Listens for SIGINT, SIGTERM and SIGHUP for the life of the process. */
export function abortOnSignals(): AbortSignal {
  const controller = new AbortController();
  const stop = (name: string, exit: "interrupted" | "terminated"): void => {
    controller.abort(
      // Not what was left behind: whoever unwinds says what could not be put back.
      new OperatorError(exit, "INTERRUPTED", `stopped by ${name}`),
    );
  };
  process.on("SIGINT", () => stop("SIGINT", "interrupted"));
  process.on("SIGTERM", () => stop("SIGTERM", "terminated"));
  process.on("SIGHUP", () => stop("SIGHUP", "terminated"));
  return controller.signal;
}
