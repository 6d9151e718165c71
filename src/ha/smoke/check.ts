/** What a smoke check is, and what it may say. */
import type { Settings } from "../../k3s/settings.ts";
import type { Cluster } from "../cluster.ts";
import type { CheckOutcome } from "../checks/outcome.ts";

export type SmokeOutcome =
  | { readonly outcome: "ok"; readonly detail: string }
  | { readonly outcome: "fail"; readonly detail: string; readonly hint?: string }
  /** Does not apply here; `detail` says why. */
  | { readonly outcome: "skip"; readonly detail: string };

/** What the checks of the cluster look at. */
export interface SmokeEnvironment {
  readonly cluster: Cluster;
  readonly settings: Settings;
  readonly now: Date;
  /** Aborted when the check's own time is over, or the program is stopped. */
  readonly signal: AbortSignal;
  /** Nodes there should be; undefined when nobody said. */
  readonly nodes: number | undefined;
}

export interface SmokeCheck {
  /** Stable, for programs: `etcd`. */
  readonly id: string;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  /** What to look at when it fails and says nothing better itself. */
  readonly hint: string;
  run(environment: SmokeEnvironment): Promise<SmokeOutcome>;
}

export function ok(detail: string): SmokeOutcome {
  return { outcome: "ok", detail };
}

export function fail(detail: string, hint?: string): SmokeOutcome {
  return { outcome: "fail", detail, ...(hint === undefined ? {} : { hint }) };
}

export function skip(detail: string): SmokeOutcome {
  return { outcome: "skip", detail };
}

/** The outcome of a check that drills have too. */
export function judged({ passed, detail, hint }: CheckOutcome): SmokeOutcome {
  return passed ? ok(detail) : fail(detail, hint);
}
