/** helm itself, asked once, as a witness: does it know of releases that we did not find? */
import * as v from "valibot";
import { messageOf, OperatorError, systemCode } from "../errors.ts";
import { tailOf } from "../sys/exec.ts";
import type { RunResult } from "../sys/exec.ts";
import type { AssetSource, Collector } from "./asset.ts";

/** What we read of a release's newest revision, as the record itself says it. */
export interface FoundRelease {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  /** `name-version`. */
  readonly chart: string;
}

const TIMEOUT = 30_000;
/** No file can be made below /proc, not even by root: helm finds no plugins or settings there and leaves none behind. */
const NOWHERE = "/proc/no-helm-home";
/** In helm 4 no status means all, in helm 3 only some; naming each means the same in both. `--max 0` is no limit. */
const LIST = [
  "list",
  "--all-namespaces",
  "--max=0",
  "--deployed",
  "--failed",
  "--pending",
  "--superseded",
  "--uninstalled",
  "--uninstalling",
  "--output=json",
];

const HelmList = v.array(
  v.object({
    name: v.string(),
    namespace: v.string(),
    revision: v.pipe(v.string(), v.regex(/^[0-9]{1,9}$/u), v.transform(Number)),
    chart: v.string(),
  }),
);

/**
 * Runs `helm list` once and compares. What helm knows and we did not find, or
 * found otherwise, is a gap; helm hanging, failing or printing garbage is the
 * gap `HELM_CHECK_FAILED`; helm missing is a note. `timeout` in milliseconds,
 * default 30,000.
 */
export async function checkAgainstHelm(
  found: readonly FoundRelease[],
  source: AssetSource,
  options: { readonly collector: Collector; readonly timeout?: number | undefined },
): Promise<void> {
  const { collector, timeout = TIMEOUT } = options;
  let result: RunResult;
  try {
    result = await runHelm(source, timeout);
  } catch (error) {
    // Only an interruption, or a bug, ends the whole run.
    const isExpected = error instanceof OperatorError || systemCode(error) !== undefined;
    if (!isExpected || source.host.signal.aborted) throw error;
    if (isMissing(error)) {
      source.note("helm is not on PATH; release records were read from the cluster itself");
    } else collector.gap(checkFailed(messageOf(error)));
    return;
  }
  const known = listIn(result, timeout);
  if (typeof known === "string") collector.gap(checkFailed(known));
  else compare(known, found, collector);
}

function isMissing(error: unknown): boolean {
  return error instanceof OperatorError && systemCode(error.cause) === "ENOENT";
}

function runHelm(source: AssetSource, timeout: number): Promise<RunResult> {
  return source.host.run(["helm", ...LIST], {
    env: {
      KUBECONFIG: source.server.kubeconfig,
      HOME: NOWHERE,
      HELM_CACHE_HOME: NOWHERE,
      HELM_CONFIG_HOME: NOWHERE,
      HELM_DATA_HOME: NOWHERE,
      // A soft limit: with 500 releases of 30 KB helm takes 150 instead of 200 MB (measured, v4.3.1).
      GOMEMLIMIT: "96MiB",
    },
    timeout,
  });
}

/** What helm listed, or why that is not to be had. */
function listIn(result: RunResult, timeout: number): v.InferOutput<typeof HelmList> | string {
  if (result.timedOut) return `it gave no answer within ${Math.round(timeout / 1000)} s`;
  if (result.exitCode !== 0) {
    const said = tailOf(result, 1).slice(0, 300);
    return `it ended with ${result.exitCode ?? result.exitSignal}${said === "" ? "" : `: ${said}`}`;
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(result.stdout);
  } catch {
    return "it printed something that is not JSON";
  }
  const list = v.safeParse(HelmList, parsed);
  return list.success ? list.output : "it printed something that is not a list of releases";
}

function compare(
  known: v.InferOutput<typeof HelmList>,
  found: readonly FoundRelease[],
  collector: Collector,
): void {
  const ours = new Map(found.map((release) => [`${release.namespace}/${release.name}`, release]));
  for (const theirs of known) {
    const key = `${theirs.namespace}/${theirs.name}`;
    const mine = ours.get(key);
    const what = `revision ${theirs.revision} of ${theirs.chart}`;
    if (mine === undefined) {
      collector.gap({
        code: "HELM_RELEASE_MISSING",
        message: `helm knows release ${key}, ${what}, but no record of it was found in the cluster`,
        hint: "run the backup again; if it stays so, compare helm list -A with the release Secrets",
      });
    } else if (mine.revision !== theirs.revision || mine.chart !== theirs.chart) {
      collector.gap({
        code: "HELM_RELEASE_DIFFERS",
        message: `helm has ${what} as the newest of release ${key}, but revision ${mine.revision} of ${mine.chart} was read`,
        hint: "it was probably upgraded meanwhile: run the backup again",
      });
    }
  }
}

function checkFailed(reason: string): { code: string; message: string; hint: string } {
  return {
    code: "HELM_CHECK_FAILED",
    message: `the releases could not be checked against helm list: ${reason}`,
    hint: "the records read from the cluster are in the archive; try helm list -A by hand",
  };
}
