/** `ha drift`: do the versioned values files, the releases and the Secrets say the same? */
import { chartDiffers, releaseMissing, valueDiffers } from "../ha/drift-words.ts";
import { compareValues } from "../ha/compare-values.ts";
import { parsePin } from "../ha/find-rules.ts";
import { parseReleaseName } from "../ha/releases-file.ts";
import { shippedRules } from "../ha/rules/all.ts";
import { nodeOf } from "../ha/value-node.ts";
import { count } from "../words.ts";
import { resolveArchive } from "./archives.ts";
import { archivedReleases } from "./ha-archive.ts";
import { secretDrift } from "./ha-drift-secrets.ts";
import { liveReleases } from "./ha-live.ts";
import { ownRules, readReleases, shortPath, valuesReader } from "./ha-values.ts";
import { openingKeys } from "./opening-keys.ts";
import type { Side } from "../ha/drift-words.ts";
import type { Finding } from "../ha/finding.ts";
import type { DeclaredRelease } from "../ha/releases-file.ts";
import type { ChartRules } from "../ha/rule-schema.ts";
import type { Context } from "./context.ts";
import type { ReleaseSource, ReleaseState } from "./ha-release-source.ts";
import type { ValuesReader } from "./ha-values.ts";

export interface DriftOptions {
  /** Given on the command line; undefined: those of `releasesFile`. Paths absolute. */
  readonly target:
    | {
        /** `NAMESPACE/NAME`. */
        readonly release: string;
        readonly values: readonly string[];
        /** `NAME@VERSION`. */
        readonly chart: string | undefined;
      }
    | undefined;
  /** Absolute. */
  readonly releasesFile: string;
  /** Path, file name or id, or `newest`; undefined: the live cluster. */
  readonly archive: string | undefined;
  readonly directory: string;
  readonly dataDir: string | undefined;
  /** Absolute. */
  readonly rulesFiles: readonly string[];
  readonly identityFiles: readonly string[];
  readonly workingDirectory: string;
}

export interface DriftedRelease {
  /** `namespace/name`. */
  readonly release: string;
  /** Undefined when it is not there. */
  readonly state: Omit<ReleaseState, "config"> | undefined;
  readonly values: readonly string[];
  readonly findings: readonly Finding[];
  /** Encrypted values that could not be compared. */
  readonly unknown: number;
}

export interface DriftResult {
  readonly kind: "live" | "archive";
  readonly label: string;
  readonly releases: readonly DriftedRelease[];
}

/**
 * Compares each release with its files. Findings are a result, not an error.
 * Throws OperatorErrors: those of the readers, of `kubectlJson` and of
 * `openArchive`. Nothing it returns holds a secret.
 */
export async function haDrift(context: Context, options: DriftOptions): Promise<DriftResult> {
  const releases = await declaredReleases(options);
  const rules = [...shippedRules(), ...(await ownRules(options))];
  const reader = valuesReader(context, options);
  // Before the cluster is asked: a file that is missing is said at once.
  for (const { values } of releases) await reader.merged(values);
  await using source = await openSource(context, options, releases);
  const found: DriftedRelease[] = [];
  for (const declared of releases) {
    const { namespace, name } = declared;
    context.talk({ type: "step", text: `comparing ${namespace}/${name}` });
    const { workingDirectory } = options;
    found.push(await driftOf(context, declared, { rules, reader, source, workingDirectory }));
  }
  context.talk({ type: "done", text: `compared ${count(found.length, "release")}` });
  return { kind: source.kind, label: source.label, releases: found };
}

async function declaredReleases(options: DriftOptions): Promise<DeclaredRelease[]> {
  const { target, releasesFile, workingDirectory } = options;
  if (target === undefined) return readReleases(releasesFile, workingDirectory);
  const { release, values, chart } = target;
  return [
    {
      ...parseReleaseName(release),
      chart: chart === undefined ? undefined : parsePin(chart),
      values,
      manifests: [],
      secrets: [],
    },
  ];
}

async function openSource(
  context: Context,
  options: DriftOptions,
  wanted: readonly DeclaredRelease[],
): Promise<ReleaseSource> {
  const { archive, directory, identityFiles } = options;
  if (archive === undefined) return liveReleases(context, options.dataDir);
  const path = await resolveArchive(context.host, {
    directory,
    archive: archive === "newest" ? undefined : archive,
  });
  const identities = await openingKeys(context, identityFiles);
  return archivedReleases(context, { path, identities, wanted });
}

interface Against {
  readonly rules: readonly ChartRules[];
  readonly reader: ValuesReader;
  readonly source: ReleaseSource;
  readonly workingDirectory: string;
}

async function driftOf(
  context: Context,
  declared: DeclaredRelease,
  { rules, reader, source, workingDirectory }: Against,
): Promise<DriftedRelease> {
  const { namespace, name, chart: pin } = declared;
  const release = `${namespace}/${name}`;
  const files = declared.values.map((path) => shortPath(path, workingDirectory));
  const side: Side = { kind: source.kind, namespace, name, files };
  const state = await source.release(declared);
  if (state === undefined) {
    const findings = [releaseMissing(side)];
    return { release, state: undefined, values: files, findings, unknown: 0 };
  }
  warnStatus(context, release, state);
  const { root } = await reader.merged(declared.values);
  // What the user supplied; nothing at all is null in helm's own output.
  const live = nodeOf(state.config ?? {}, { file: source.label, line: 1 });
  const values = compareValues(root, live);
  const secrets = await secretDrift({ declared, side, root, state, rules, source });
  const { config: _, ...shown } = state;
  return {
    release,
    state: shown,
    values: files,
    findings: [
      ...chartFindings(side, { pin, state }),
      ...values.differences.map((difference) => valueDiffers(side, difference)),
      ...secrets.findings,
    ],
    unknown: values.unknown + secrets.unknown,
  };
}

function chartFindings(
  side: Side,
  { pin, state }: { readonly pin: DeclaredRelease["chart"]; readonly state: ReleaseState },
): Finding[] {
  const { name, version } = state.chart;
  if (pin === undefined || (pin.name === name && pin.version === version)) return [];
  return [
    chartDiffers(side, { pinned: `${pin.name} ${pin.version}`, found: `${name} ${version}` }),
  ];
}

function warnStatus(context: Context, release: string, { status, revision }: ReleaseState): void {
  if (status === "deployed") return;
  context.talk({
    type: "warning",
    code: "RELEASE_NOT_DEPLOYED",
    message: `${release} revision ${revision} is ${status}: its values may not be what runs`,
    hint: "finish or roll back that upgrade first",
  });
}
