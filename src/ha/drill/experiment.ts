/** The experiment itself: probe, kill, wait, look. Everything before and after it is in app/ha-drill.ts. */
import { pause } from "../../sys/pause.ts";
import { resolvePrimary } from "../resolve/target.ts";
import { figuresOf, hasRecovered } from "./figures.ts";
import { runStream } from "./stream.ts";
import type { Cluster } from "../cluster.ts";
import type { Victim } from "../kill/kill.ts";
import type { Probe } from "../probes/probe.ts";
import type { Primary } from "../resolve/target.ts";
import type { Attempt } from "./attempts.ts";
import type { Figures } from "./figures.ts";
import type { Drill } from "./schema.ts";

/** Who holds the role, and what is killed for it. */
export interface Target {
  readonly primary: Primary;
  readonly victim: Victim;
}

export interface Experiment {
  readonly drill: Drill;
  readonly probe: Probe;
  readonly cluster: Cluster | undefined;
  readonly signal: AbortSignal;
  /** Milliseconds since the drill began. */
  readonly clock: () => number;
  /** Says what happens now. */
  readonly say: (text: string) => void;
  /** Called once the baseline is there: finds out who is the primary and what to kill. */
  readonly choose: () => Promise<Target>;
  /** Filled while it goes on, so that it is there however it ends. */
  readonly seen: Observed;
}

export interface Killed {
  readonly at: number;
  readonly victim: Victim;
  /** Whether the victim was seen to be gone; undefined where nobody can tell. */
  gone: boolean | undefined;
  newPrimary: Primary | undefined;
  recovered: boolean;
}

export interface Observed {
  readonly attempts: Attempt[];
  target: Target | undefined;
  /** Undefined: nothing was killed. */
  killed: Killed | undefined;
  /** Whether a kill was begun, so that there is something to put back. */
  taken: boolean;
  /** Whether it was put back. */
  restored?: boolean;
}

/** How often the primary is asked for after a kill. */
const LOOK = 300;

/**
 * Runs probe and kill; what came of it is in `seen`, without a kill when service was not there before.
 * Throws the signal's reason, or what `choose` and `kill` throw; the probe has ended then.
 */
export async function runExperiment(experiment: Experiment): Promise<void> {
  const { drill, probe, clock, signal, seen } = experiment;
  const ending = new AbortController();
  const either = AbortSignal.any([signal, ending.signal]);
  let sequence = 0;
  const names: readonly Attempt["stream"][] = probe.holds ? ["fresh", "held"] : ["fresh"];
  const streams = names.map((stream) =>
    runStream(probe, {
      stream,
      clock: { now: clock },
      signal: either,
      next: () => (sequence += 1),
      seen: (attempt) => seen.attempts.push(attempt),
    }),
  );
  try {
    await pause(drill.baseline, signal);
    if (!isWell(seen.attempts, names)) return;
    const target = await experiment.choose();
    // Finding out took a moment: what went wrong meanwhile is not the kill's doing.
    signal.throwIfAborted();
    if (!isWell(seen.attempts, names)) return;
    seen.target = target;
    seen.taken = true;
    experiment.say(`killing ${target.victim.text}`);
    const at = clock();
    await target.victim.kill();
    const { victim } = target;
    seen.killed = { at, victim, gone: undefined, newPrimary: undefined, recovered: false };
    await watchRecovery(experiment, { killed: seen.killed, names, oldPrimary: target.primary });
  } finally {
    ending.abort();
    await Promise.all(streams);
  }
}

/** Whether each stream was acknowledged and nothing failed. */
function isWell(attempts: readonly Attempt[], names: readonly Attempt["stream"][]): boolean {
  return (
    names.every((stream) => attempts.some((one) => one.stream === stream)) &&
    attempts.every(({ error }) => error === undefined)
  );
}

/** Waits until the victim is gone, service is back and the role has moved, or the window is over. */
async function watchRecovery(
  { drill, cluster, signal, clock, seen }: Experiment,
  input: {
    readonly killed: Killed;
    readonly names: readonly Attempt["stream"][];
    readonly oldPrimary: Primary;
  },
): Promise<void> {
  const { window, consecutive, primaryChanges } = drill.recovery;
  const { killed, names, oldPrimary } = input;
  // What answers before the victim is gone may be the victim.
  let since = killed.at;
  for (;;) {
    const late = clock() > killed.at + window;
    if (killed.victim.gone !== undefined && killed.gone !== true) {
      killed.gone = await isGone(killed.victim);
      if (killed.gone) since = clock();
    }
    if (killed.newPrimary === undefined && primaryChanges) {
      const now = await askQuietly(drill, { cluster, signal });
      if (now !== undefined && now.name !== oldPrimary.name) killed.newPrimary = now;
    }
    const moved = !primaryChanges || killed.newPrimary !== undefined;
    const back = hasRecovered(seen.attempts, { since, consecutive, streams: names });
    if (back && moved && killed.gone !== false) {
      killed.recovered = true;
      return;
    }
    if (late) {
      killed.recovered = back;
      return;
    }
    await pause(LOOK, signal);
  }
}

/** Nobody who could be asked: not known to be gone yet. */
async function isGone(victim: Victim): Promise<boolean> {
  try {
    return (await victim.gone?.()) ?? false;
  } catch {
    return false;
  }
}

/** While a failover is under way nobody may be there to ask. */
async function askQuietly(
  drill: Drill,
  input: { readonly cluster: Cluster | undefined; readonly signal: AbortSignal },
): Promise<Primary | undefined> {
  try {
    return await resolvePrimary(drill.target, {
      ...input,
      namespace: drill.component?.namespace,
      timeout: 2_000,
    });
  } catch {
    input.signal.throwIfAborted();
    return undefined;
  }
}

/** The figures of what was observed; undefined when nothing was killed. `present`: what was found of the probe's writes. */
export function figuresFor(
  drill: Drill,
  observed: Observed,
  present: ReadonlySet<number> | undefined,
): Figures | undefined {
  if (observed.killed === undefined) return undefined;
  const { probe } = drill;
  // The probe of the cluster asks each server in turn, each as long as it may take.
  const turns = probe.kind === "kubernetes" ? probe.servers.length : 1;
  return figuresOf({
    attempts: observed.attempts,
    killedAt: observed.killed.at,
    consecutive: drill.recovery.consecutive,
    // Two attempts that took as long as they may are no hole.
    tolerated: probe.interval + probe.timeout * turns,
    present,
  });
}
