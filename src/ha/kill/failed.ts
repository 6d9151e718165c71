/** Ends of a kill that did not do what it should. */
import { OperatorError } from "../../errors.ts";

export function killFailed(reason: string): OperatorError {
  return new OperatorError("drillFailed", "KILL_FAILED", `it could not be killed (${reason})`, {
    hint: "mend what the words in brackets say; kill.method and its fields are in the drill file",
  });
}

export function notPutBack(reason: string): OperatorError {
  return new OperatorError(
    "drillFailed",
    "NOT_PUT_BACK",
    `it could not be started again (${reason})`,
    { hint: "start it by hand" },
  );
}
