/** Before anything is killed: is all well now, and what would be killed? */
import { OperatorError } from "../errors.ts";
import { endingOf } from "./ha-drill-ending.ts";
import { runChecks } from "./ha-drill-run.ts";
import { chooseVictim } from "./ha-drill-victim.ts";
import type { Target } from "../ha/drill/experiment.ts";
import type { Ending, Run } from "./ha-drill-run.ts";

/** Steady state and target; nothing is killed. */
export async function look(
  run: Run,
): Promise<{ readonly target: Target } | { readonly ending: Ending }> {
  let target: Target | undefined;
  const ending = await endingOf(run, async () => {
    await steadyState(run);
    target = await chooseVictim(run);
    return undefined;
  });
  if (ending !== undefined) return { ending };
  if (target === undefined) throw new TypeError("neither a target nor a reason why not");
  return { target };
}

/** Throws an OperatorError `NOT_STEADY` when a check of the steady state fails: then nothing is killed. */
async function steadyState(run: Run): Promise<void> {
  run.context.talk({ type: "step", text: "checking that all is well before" });
  await runChecks(run, { specs: run.drill.steadyState, when: "before" });
  const results = run.seen.checks;
  const failed = results.filter(({ passed }) => !passed);
  const [first] = failed;
  if (first === undefined) {
    const text = results.map(({ id, detail }) => `${id}: ${detail}`).join("; ");
    run.context.talk({ type: "done", text });
    return;
  }
  throw new OperatorError(
    "drillFailed",
    "NOT_STEADY",
    `nothing was killed, for it is not well now: ${failed.map(({ id, detail }) => `${id}: ${detail}`).join("; ")}`,
    first.hint === undefined ? {} : { hint: first.hint },
  );
}
