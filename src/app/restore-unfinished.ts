/** A restore that was cut off is in the way of everything else. */
import { OperatorError } from "../errors.ts";
import { JOURNAL } from "./journal.ts";
import type { JournalState } from "./journal.ts";

const RESUME = "railiance-cluster restore --resume";
const ROLLBACK = "railiance-cluster restore --rollback";

/** What to say to whoever wants to do anything else first. */
export function restoreUnfinished(state: JournalState): OperatorError {
  const { plan, kept } = state;
  const what =
    plan.join === undefined
      ? `a restore of ${plan.archive}`
      : `joining the restored server at ${plan.join.url}`;
  return new OperatorError(
    "refused",
    "RESTORE_UNFINISHED",
    kept && !state.rollingBack
      ? `${what} failed its check and was kept; it is neither accepted nor undone`
      : `${what} stopped ${placeOf(state)}`,
    { hint: `${waysOut(state)} (${JOURNAL})` },
  );
}

function placeOf({ unfinished, begun, done, rollingBack }: JournalState): string {
  const at = unfinished === undefined ? "between two steps" : `at the step "${unfinished}"`;
  const where = rollingBack ? "on its way back" : at;
  if (done.has("check") && !rollingBack) {
    return `${where}; it has passed its check, and only its end is left to do`;
  }
  return begun.has("aside")
    ? `${where}; K3s is held back on purpose: started now it may come up empty`
    : where;
}

/** What to type, by what the journal says. */
export function waysOut({ kept, rollingBack }: Pick<JournalState, "kept" | "rollingBack">): string {
  if (rollingBack) return `finish going back: ${ROLLBACK}`;
  return `${kept ? "accept it" : "go on"}: ${RESUME}; go back: ${ROLLBACK}`;
}
