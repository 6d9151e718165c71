/** Signals become an abort, so that everything unwinds and cleans up; only `main` and a second Ctrl-C exit. */
import { EXIT, OperatorError } from "../errors.ts";
import { writeWhole } from "./streams.ts";

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

/** The first SIGINT unwinds; who presses again does not want to wait, and is told what that means. */
export function exitOnSecondInterrupt(): void {
  let interrupts = 0;
  process.on("SIGINT", () => {
    interrupts += 1;
    if (interrupts < 2) return;
    writeWhole(
      2,
      "stopped at once, nothing was put back; to see what is left: railiance-cluster doctor\n",
    );
    process.exit(EXIT.interrupted);
  });
}
