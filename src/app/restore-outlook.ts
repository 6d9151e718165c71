/** What a restore would do to this host and what it would cost: everything the operator is told before the question. */
import { readSettings } from "../k3s/settings.ts";
import { attemptWarnings } from "./attempt-guard.ts";
import { estimateText, lastMeasured } from "./estimate.ts";
import { fitLines, fitWarnings } from "./fit-words.ts";
import { fitToHost } from "./host-fit.ts";
import { labelled } from "./loss.ts";
import { STATE_FOLDER } from "./places.ts";
import { otherServers } from "./restore-others.ts";
import { planRestore } from "./restore-plan.ts";
import { signerWarnings } from "./restore-signer.ts";
import { checkTarget } from "./restore-target.ts";
import { describePlan } from "./restore-words.ts";
import { lookAtToday } from "./today.ts";
import { etcdDoubt } from "./version-rules.ts";
import type { Context, Warning } from "./context.ts";
import type { HostFit } from "./host-fit.ts";
import type { RestorePlan } from "./journal.ts";
import type { OtherServers } from "./restore-others.ts";
import type { RestoreStage } from "./restore-stage.ts";
import type { RestoreOptions } from "./restore.ts";
import type { Today } from "./today.ts";

export interface Outlook extends AsyncDisposable {
  readonly plan: RestorePlan;
  readonly fit: HostFit;
  readonly others: OtherServers;
  readonly today: Today;
  /** The plan for a person. */
  readonly sentences: readonly string[];
  readonly warnings: readonly Warning[];
}

/** Looks at this host, the other servers and what runs here now; changes nothing. Throws when this archive may not be restored here. */
export async function outlookOn(
  context: Context,
  stage: RestoreStage,
  options: RestoreOptions,
): Promise<Outlook> {
  const { manifest } = stage.proof;
  const dataDir = options.dataDir ?? manifest.host.dataDir;
  const settings = await readSettings({ dataDir });
  const allowed = await checkTarget(context, { manifest, options });
  const fit = await fitToHost(context, stage, options);
  const warnings = [
    ...allowed,
    ...(await attemptWarnings(context.host, settings)),
    ...fitWarnings(fit, manifest),
    ...(await signerWarnings(context, stage.proof, STATE_FOLDER)),
  ];
  for (const warning of warnings) context.talk({ type: "warning", ...warning });
  const others = await otherServers(context, {
    proof: stage.proof,
    // On a new host the archive's port is not here yet.
    settings: { ...settings, httpsPort: fit.httpsPort },
    options,
  });
  const plan = await planRestore(context, {
    archive: stage.path,
    manifest,
    dataDir,
    settings,
    keep: options.keep,
    fit,
    peers: others.peers,
    forced: options.force,
  });
  const today = await lookAtToday(context, { ...stage, ...options, settings });
  const doubts = etcdDoubt(today.etcd, manifest);
  for (const doubt of doubts) context.talk({ type: "warning", ...doubt });
  const sentences = [
    ...describePlan(plan, manifest, context.host.now()),
    ...fitLines(fit, manifest),
    ...others.lines,
    ...labelled("takes", [estimateText(manifest, await lastMeasured())]),
    ...today.lines,
  ];
  return {
    plan,
    fit,
    others,
    today,
    sentences,
    warnings: [...warnings, ...doubts],
    [Symbol.asyncDispose]: () => today[Symbol.asyncDispose](),
  };
}
