/** One run of a drill: probe, kill, put back, judge; whatever ends it, there is an ending to report. */
import { runExperiment } from "../ha/drill/experiment.ts";
import { makeProbe } from "../ha/probes/make.ts";
import { sha256Hex } from "../sys/hash.ts";
import { UNINTERRUPTED } from "../sys/host.ts";
import { THIS_PROCESS } from "../sys/this-process.ts";
import { spanText } from "../words.ts";
import { endingOf } from "./ha-drill-ending.ts";
import { judge } from "./ha-drill-judge.ts";
import { putBack } from "./ha-drill-put-back.ts";
import { chooseVictim } from "./ha-drill-victim.ts";
import type { Probe } from "../ha/probes/probe.ts";
import type { Ending, Run } from "./ha-drill-run.ts";

/** From the first write of the probe to the last check. Whatever happens, what was taken down is put back. */
export async function carryOut(run: Run): Promise<Ending> {
  const { context, drill, cluster } = run;
  const late = AbortSignal.timeout(drill.abort.timeout);
  const signal = AbortSignal.any([context.host.signal, late]);
  let probe: Probe | undefined;
  try {
    return await endingOf(
      run,
      async () => {
        const made = await makeProbe(drill.probe, {
          cluster,
          run: runName(run),
          signal: UNINTERRUPTED,
        });
        probe = made;
        await made.prepare();
        context.talk({
          type: "step",
          text: `probing for ${spanText(drill.baseline)} before the kill`,
        });
        await runExperiment({
          drill,
          probe: made,
          cluster,
          signal,
          clock: run.clock,
          say: (text) => context.talk({ type: "step", text }),
          choose: () => chooseVictim(run),
          seen: run.seen,
        });
        await putBack(run);
        return await judge(run, made);
      },
      late,
    );
  } finally {
    await clearQuietly(probe);
  }
}

/** Tells the rows of this run from those of others. */
function runName({ drill, started }: Run): string {
  const text = `${drill.name} ${started} ${THIS_PROCESS.pid}`;
  return sha256Hex(new TextEncoder().encode(text)).slice(0, 12);
}

async function clearQuietly(probe: Probe | undefined): Promise<void> {
  try {
    await probe?.clear();
  } catch {
    // A component that did not come back keeps the drill's rows; the report says what became of it.
  }
}
