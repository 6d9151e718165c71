/** Where `ha drift` finds releases and Secrets: a running cluster, or an archive. */
import type { ReleaseName } from "../ha/releases-file.ts";
import type { JsonObject } from "../k3s/kubectl.ts";

/** The newest revision of a release. */
export interface ReleaseState {
  readonly revision: number;
  /** `deployed`, `failed`, `pending-upgrade`, … */
  readonly status: string;
  readonly chart: { readonly name: string; readonly version: string };
  /** What the user supplied, as `helm get values` prints it; undefined when nothing was. */
  readonly config: JsonObject | undefined;
}

/** Decoded data by key, secret; `sealed` when it is there but no key opens it. */
export type FoundSecret = ReadonlyMap<string, Uint8Array> | "sealed";

export interface ReleaseSource extends AsyncDisposable {
  readonly kind: "live" | "archive";
  /** For people: `the cluster of s1`, or the archive's path. */
  readonly label: string;
  /** Undefined when there is no such release. */
  release(name: ReleaseName): Promise<ReleaseState | undefined>;
  /** Of several Secrets in a namespace, those that are there. */
  secrets(namespace: string, names: readonly string[]): Promise<ReadonlyMap<string, FoundSecret>>;
}

/** One revision's record, newest wins. */
export function newest(states: readonly ReleaseState[]): ReleaseState | undefined {
  return states.reduce<ReleaseState | undefined>(
    (best, one) => (best === undefined || one.revision > best.revision ? one : best),
    undefined,
  );
}
