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
  readonly choose: () => Promise<{ readonly primary: Primary; readonly victim: Victim }>;
}

export interface Observed {
  readonly attempts: readonly Attempt[];
  /** Undefined: service was not there before the kill, so nothing was killed. */
  readonly killed:
    | {
        readonly at: number;
        readonly victim: Victim;
        readonly oldPrimary: Primary;
        readonly newPrimary: Primary | undefined;
        readonly recovered: boolean;
      }
    | undefined;
}

/** How often the primary is asked for after a kill. */
const LOOK = 300;

/** Runs probe and kill. Throws the signal's reason, or what `choose` and `kill` throw; the probe has ended then. */
export async function runExperiment(experiment: Experiment): Promise<Observed> {
  const { drill, probe, clock, signal } = experiment;
  const attempts: Attempt[] = [];
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
      seen: (attempt) => attempts.push(attempt),
    }),
  );
  try {
    await pause(drill.baseline, signal);
    const good = names.every((stream) =>
      attempts.some((one) => one.stream === stream && one.error === undefined),
    );
    const bad = attempts.some(({ error }) => error !== undefined);
    if (!good || bad) return { attempts, killed: undefined };
    const { primary, victim } = await experiment.choose();
    experiment.say(`killing ${victim.text}`);
    const at = clock();
    await victim.kill();
    const after = await watchRecovery(experiment, {
      attempts,
      names,
      killedAt: at,
      oldPrimary: primary,
    });
    return { attempts, killed: { at, victim, oldPrimary: primary, ...after } };
  } finally {
    ending.abort();
    await Promise.all(streams);
  }
}

/** Waits until service is back and the role has moved, or the window is over. */
async function watchRecovery(
  { drill, cluster, signal, clock }: Experiment,
  seen: {
    readonly attempts: readonly Attempt[];
    readonly names: readonly Attempt["stream"][];
    readonly killedAt: number;
    readonly oldPrimary: Primary;
  },
): Promise<{ readonly newPrimary: Primary | undefined; readonly recovered: boolean }> {
  const { window, consecutive, primaryChanges } = drill.recovery;
  const { oldPrimary } = seen;
  let newPrimary: Primary | undefined;
  for (;;) {
    const late = clock() > seen.killedAt + window;
    const back = hasRecovered(seen.attempts, {
      since: seen.killedAt,
      consecutive,
      streams: seen.names,
    });
    if (newPrimary === undefined && primaryChanges) {
      const now = await askQuietly(drill, { cluster, signal });
      if (now !== undefined && now.name !== oldPrimary.name) newPrimary = now;
    }
    if (back && (!primaryChanges || newPrimary !== undefined))
      return { newPrimary, recovered: true };
    if (late) return { newPrimary, recovered: back };
    await pause(LOOK, signal);
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

/** The figures of what was observed. `present` is undefined where nothing was written or could be read. */
export function figuresFor(
  experiment: Pick<Experiment, "drill" | "probe">,
  observed: Observed,
  present: ReadonlySet<number> | undefined,
): Figures | undefined {
  const { drill, probe } = experiment;
  if (observed.killed === undefined) return undefined;
  return figuresOf({
    attempts: observed.attempts,
    killedAt: observed.killed.at,
    consecutive: drill.recovery.consecutive,
    // Two attempts that took as long as they may are no hole.
    tolerated: probe.interval + probe.timeout,
    present,
  });
}
