/** Whether a component counts as proven: by its last pass, and by what moved since. */
import { sameValues } from "./values-hash.ts";
import type { Pass } from "./passes.ts";

/** `never` and `failed`: not proven. `moved` and `old`: it was, but that says nothing of what runs now. */
export type ProofState = "proven" | "never" | "failed" | "moved" | "old";

export interface ComponentNow {
  readonly drillSha256: string;
  /** `name@version`; null where none is pinned. */
  readonly chart: string | null;
  /** Bytes of the values files, in helm's order; empty where there are none. */
  readonly values: readonly Uint8Array[];
  readonly maxAgeDays: number | undefined;
}

export interface LastRun {
  readonly started: string;
  readonly verdict: "passed" | "failed" | "aborted" | "interrupted";
  readonly reasons: readonly string[];
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
  if (pass === undefined) return { state: "never", why: ["no pass is recorded"] };
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

function whatMoved(current: ComponentNow, pass: Pass): string[] {
  const moved: string[] = [];
  if (current.drillSha256 !== pass.drillSha256) moved.push("the drill file changed since");
  if (current.chart !== pass.chart) {
    moved.push(
      `the chart is ${current.chart ?? "not pinned"} now, it was ${pass.chart ?? "not pinned"}`,
    );
  }
  const same =
    pass.values === null
      ? current.values.length === 0
      : current.values.length > 0 && sameValues(current.values, pass.values);
  if (!same) moved.push("the values files changed since");
  return moved;
}
