/** Who is the primary of this moment, and what would be killed for it. */
import { OperatorError } from "../errors.ts";
import { requireLabel } from "../ha/drill/guards.ts";
import { victimOf } from "../ha/kill/kill.ts";
import { resolvePrimary } from "../ha/resolve/target.ts";
import type { Target } from "../ha/drill/experiment.ts";
import type { Run } from "./ha-drill-run.ts";

/** Kills nothing yet. Throws an OperatorError, `NO_PRIMARY` among others. */
export async function chooseVictim({ drill, cluster, context }: Run): Promise<Target> {
  const namespace = drill.component?.namespace;
  const primary = await resolvePrimary(drill.target, {
    cluster,
    namespace,
    timeout: 5_000,
    signal: context.host.signal,
  });
  if (primary === undefined) {
    throw new OperatorError(
      "drillFailed",
      "NO_PRIMARY",
      "nothing was killed, for there is no primary now",
      {
        hint: "what is unwell: railiance-cluster ha smoke; who is asked: target in the drill file",
      },
    );
  }
  const victim = await victimOf(drill.kill, { host: context.host, cluster, namespace, primary });
  requireLabel(drill, victim);
  return { primary, victim };
}
