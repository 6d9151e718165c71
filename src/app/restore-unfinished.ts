/** A restore that was cut off is in the way of everything else. */
import { OperatorError } from "../errors.ts";
import { JOURNAL } from "./journal.ts";
import type { JournalState } from "./journal.ts";

/** What to say to whoever wants to do anything else first. */
export function restoreUnfinished({
  unfinished,
  plan,
  begun,
  kept,
  rollingBack,
}: JournalState): OperatorError {
  const at = unfinished === undefined ? "between two steps" : `at the step "${unfinished}"`;
  const held = begun.has("aside")
    ? "; K3s is held back on purpose: started now it may come up empty"
    : "";
  const what = kept
    ? `a restore of ${plan.archive} failed its check and was kept; it is neither accepted nor undone`
    : `a restore of ${plan.archive} stopped ${rollingBack ? "on its way back" : at}${held}`;
  const hint = rollingBack
    ? "finish going back: railiance-cluster restore --rollback"
    : "go on: railiance-cluster restore --resume; go back: railiance-cluster restore --rollback";
  return new OperatorError("refused", "RESTORE_UNFINISHED", what, { hint: `${hint} (${JOURNAL})` });
}
