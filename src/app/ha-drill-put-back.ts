/** Putting back what a drill took down. */
import { OperatorError } from "../errors.ts";
import { kindOfError } from "../ha/probes/probe.ts";
import type { Run } from "./ha-drill-run.ts";

/** Once; says so, loudly, where it fails: then something stays down that the drill took down. */
export async function putBack({ seen, context }: Run): Promise<void> {
  const victim = seen.target?.victim;
  if (victim === undefined || !seen.taken || seen.restored === true) return;
  seen.restored = true;
  try {
    await victim.putBack();
  } catch (error) {
    const message = `${victim.text} was not put back (${error instanceof OperatorError ? error.message : kindOfError(error)})`;
    seen.troubles.push(message);
    context.talk({
      type: "warning",
      code: "NOT_PUT_BACK",
      message,
      hint: `put it back by hand: ${victim.byHand ?? `start ${victim.text} again`}`,
    });
  }
}
