/** What a run proved that went to its end. */
import { reasonsAgainst } from "../ha/drill/verdict.ts";
import { pause } from "../sys/pause.ts";
import { known, notPassed, unwell } from "./ha-drill-ending.ts";
import { runChecks } from "./ha-drill-run.ts";
import type { Killed } from "../ha/drill/experiment.ts";
import type { Probe } from "../ha/probes/probe.ts";
import type { Ending, Run } from "./ha-drill-run.ts";

/** Reads back what was written, checks redundancy, and says what was proven. */
export async function judge(run: Run, probe: Probe): Promise<Ending> {
  const { drill, context, seen } = run;
  const { killed } = seen;
  if (killed === undefined) return unwell(run);
  context.talk({ type: "step", text: "checking that all is well again" });
  const present = probe.writes ? await readBack(run, probe) : undefined;
  await runChecks(run, { specs: drill.after, when: "after" });
  const failed = seen.checks.filter(({ when, passed }) => when === "after" && !passed);
  const facts = known(run, present);
  if (facts.figures === undefined) throw new TypeError("killed without figures");
  const reasons = [
    ...reasonsAgainst({
      figures: facts.figures,
      window: drill.recovery.window,
      maxUnavailable: drill.recovery.maxUnavailable,
      maxLostAcked: drill.recovery.maxLostAcked,
      writes: probe.writes,
      writesRead: present !== undefined,
      primaryChanged: changed(run, killed),
      stillThere: killed.gone === false ? killed.victim.text : undefined,
      afterFailures: failed.map(({ id, detail }) => `${id}: ${detail}`),
    }),
    ...seen.troubles,
  ];
  const verdict = reasons.length === 0 ? "passed" : "failed";
  return {
    ...facts,
    verdict,
    reasons,
    writesRead: present !== undefined,
    redundancyRestoredAt: failed.length === 0 ? run.clock() - killed.at : undefined,
    failure: verdict === "passed" ? undefined : notPassed(run, { verdict, reasons }),
  };
}

/** Undefined: not asked for. */
function changed({ drill }: Run, { newPrimary }: Killed): boolean | undefined {
  return drill.recovery.primaryChanges ? newPrimary !== undefined : undefined;
}

/** The new primary may need a moment; undefined when it stays unreadable. Throws the signal's reason. */
async function readBack(
  { clock, context, seen }: Run,
  probe: Probe,
): Promise<ReadonlySet<number> | undefined> {
  const deadline = clock() + (seen.killed?.recovered === true ? 30_000 : 5_000);
  for (;;) {
    try {
      return await probe.present();
    } catch {
      if (clock() > deadline) return undefined;
      await pause(500, context.host.signal);
    }
  }
}
