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
  if (plan.join !== undefined) {
    return new OperatorError(
      "refused",
      "RESTORE_UNFINISHED",
      `joining the restored server at ${plan.join.url} stopped ${rollingBack ? "on its way back" : at}${held}`,
      { hint: `${hintOf(rollingBack)} (${JOURNAL})` },
    );
  }
  const what = kept
    ? `a restore of ${plan.archive} failed its check and was kept; it is neither accepted nor undone`
    : `a restore of ${plan.archive} stopped ${rollingBack ? "on its way back" : at}${held}`;
  return new OperatorError("refused", "RESTORE_UNFINISHED", what, {
    hint: `${hintOf(rollingBack)} (${JOURNAL})`,
  });
}

function hintOf(rollingBack: boolean): string {
  return rollingBack
    ? "finish going back: railiance-cluster restore --rollback"
    : "go on: railiance-cluster restore --resume; go back: railiance-cluster restore --rollback";
}
