/** Whether a component counts as proven: by its last pass, and by what moved since. */
import { sameValues } from "./values-hash.ts";
import type { Pass } from "./passes.ts";

/** `never` and `failed`: not proven. `moved` and `old`: it was, but that says nothing of what runs now. */
export type ProofState = "proven" | "never" | "failed" | "moved" | "old";

/** A release as a cluster runs it. */
export interface LiveChart {
  /** `the cluster of s1`. */
  readonly where: string;
  /** `namespace/name`. */
  readonly release: string;
  /** `name@version`; null where there is no such release. */
  readonly chart: string | null;
}

export interface ComponentNow {
  readonly drillSha256: string;
  /** `name@version`; null where none is pinned. */
  readonly chart: string | null;
  /** Bytes of the values files, in helm's order; empty where there are none. */
  readonly values: readonly Uint8Array[];
  readonly maxAgeDays: number | undefined;
  /** Undefined: no cluster was asked. */
  readonly live: LiveChart | undefined;
}

export interface LastRun {
  readonly started: string;
  readonly verdict: "passed" | "failed" | "aborted" | "interrupted";
  readonly reasons: readonly string[];
  /** Null: a live cluster. */
  readonly restsOn: string | null;
}

export interface Judgement {
  readonly state: ProofState;
  /** Each a phrase; none when it is proven. */
  readonly why: readonly string[];
}

const DAY = 86_400_000;

/** Judges by the record, and by `lastRun` where a report of a later run is at hand. */
export function judge(input: {
  readonly now: Date;
  readonly current: ComponentNow;
  readonly pass: Pass | undefined;
  readonly lastRun: LastRun | undefined;
}): Judgement {
  const { now, current, pass, lastRun } = input;
  if (lastRun?.verdict === "failed" && (pass === undefined || pass.date < lastRun.started)) {
    return { state: "failed", why: [`its last drill failed: ${lastRun.reasons.join("; ")}`] };
  }
  if (pass === undefined) return { state: "never", why: whyNever(lastRun) };
  const moved = whatMoved(current, pass);
  if (moved.length > 0) return { state: "moved", why: moved };
  const age = (now.getTime() - Date.parse(pass.date)) / DAY;
  if (current.maxAgeDays !== undefined && age > current.maxAgeDays) {
    return {
      state: "old",
      why: [`the pass is ${Math.floor(age)} days old, ${current.maxAgeDays} are allowed`],
    };
  }
  return { state: "proven", why: [] };
}

function whyNever(lastRun: LastRun | undefined): string[] {
  const why = ["no pass is recorded"];
  if (lastRun?.verdict === "passed" && lastRun.restsOn !== null) {
    why.push(
      `that of ${lastRun.started} rests on ${lastRun.restsOn}, and only a live cluster counts`,
    );
  }
  return why;
}

function whatMoved(current: ComponentNow, pass: Pass): string[] {
  const moved: string[] = [];
  if (current.drillSha256 !== pass.drillSha256) moved.push("the drill file changed since");
  if (current.chart !== pass.chart) {
    moved.push(
      `the chart is ${current.chart ?? "not pinned"} now, it was ${pass.chart ?? "not pinned"}`,
    );
  }
  const running = notAsProven(current.live, pass);
  if (running !== undefined) moved.push(running);
  const same =
    pass.values === null
      ? current.values.length === 0
      : current.values.length > 0 && sameValues(current.values, pass.values);
  if (!same) moved.push("the values files changed since");
  return moved;
}

/** What the cluster runs, where it is not the chart of the pass; undefined without a cluster, or a chart to compare with. */
function notAsProven(live: LiveChart | undefined, pass: Pass): string | undefined {
  if (live === undefined || pass.chart === null || live.chart === pass.chart) return undefined;
  return live.chart === null
    ? `${live.where} has no release ${live.release}, the pass is one of ${pass.chart}`
    : `${live.where} runs ${live.chart}, the pass is one of ${pass.chart}`;
}
