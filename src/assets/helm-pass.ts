/** One pass over all release records: each is saved as it comes, and put to the release it belongs to. */
import { OperatorError } from "../errors.ts";
import { decodeRelease } from "./helm-record.ts";
import { identify, isSafe, payloadOf, recordJson } from "./helm-record-object.ts";
import { addRelease, chartLabel, revisionFacts } from "./helm-release-files.ts";
import type { JsonObject } from "../k3s/kubectl.ts";
import type { Collector } from "./asset.ts";
import type { FoundRelease } from "./helm-check.ts";
import type { Driver, RecordIdentity } from "./helm-record-object.ts";
import type { ReleaseRecord } from "./helm-record.ts";
import type { Release } from "./helm-release-files.ts";

/**
 * Releases whose revisions are still coming in. The API lists objects by name,
 * so those of one release come together; more than one at a time only because
 * releases `a` and `a.v1` may interleave. Everything else is handed over at
 * once: memory does not grow with the number of releases.
 */
const OPEN_MAX = 4;

export interface Pass {
  readonly collector: Collector;
  /** By folder, the one that got a record longest ago first. */
  readonly open: Map<string, Release>;
  /** Folders of the releases already handed over. */
  readonly closed: Set<string>;
  readonly paths: Set<string>;
  /** Newest revisions under helm's default driver, for the comparison with helm. */
  readonly found: FoundRelease[];
  /** Records seen, and their size in bytes of JSON. */
  records: number;
  bytes: number;
  /** Bytes of records and of what was unpacked from them since memory was last released. */
  unreleased: number;
}

export function startPass(collector: Collector): Pass {
  return {
    collector,
    open: new Map(),
    closed: new Set(),
    paths: new Set(),
    found: [],
    records: 0,
    bytes: 0,
    unreleased: 0,
  };
}

/** Takes one object with the label `owner=helm`. What cannot be used is a gap that names it. */
export async function takeObject(pass: Pass, object: JsonObject, driver: Driver): Promise<void> {
  const identity = identify(object, driver);
  if (identity === undefined) return;
  if (!isSafe(identity)) {
    // As JSON, so that control characters cannot act on the operator's terminal.
    const where = JSON.stringify(`${identity.namespace}/${identity.objectName}`).slice(0, 300);
    pass.collector.gap({
      code: "HELM_RELEASE_NAME",
      message: `a helm release record was left out, its name is none that Kubernetes allows: ${where}`,
    });
    return;
  }
  const folder = folderOf(pass, identity);
  const text = recordJson(object, driver);
  pass.records += 1;
  pass.bytes += text.length;
  await pass.collector.add({ path: recordPath(pass, { identity, folder }), kind: "helm" }, text);
  const record = decode(pass, { object, identity });
  pass.unreleased += text.length + (record?.size ?? 0);
  if (identity.release === undefined) return;
  const { revision } = identity.release;
  const release = await openRelease(pass, { identity, folder });
  if (release === undefined) return;
  if (record === undefined) {
    release.revisions.push({ revision, status: identity.status, readable: false });
    return;
  }
  release.revisions.push(revisionFacts(revision, record));
  if (release.latest === undefined || revision > release.latest.revision) {
    release.latest = { revision, record };
  }
}

/** Hands over the releases that are still open. Call after each list. */
export async function endList(pass: Pass): Promise<void> {
  for (const release of pass.open.values()) await close(pass, release);
}

function folderOf(pass: Pass, { namespace, release, driver }: RecordIdentity): string {
  if (release === undefined) return `helm/${namespace}`;
  const folder = `helm/${namespace}/${release.name}`;
  // The same release kept by both drivers; `_` is in no release's name. Secrets are read first.
  return driver === "ConfigMap" && pass.paths.has(`${folder}/history.json`)
    ? `${folder}_configmap`
    : folder;
}

function recordPath(
  pass: Pass,
  { identity, folder }: { readonly identity: RecordIdentity; readonly folder: string },
): string {
  const { release, objectName, driver } = identity;
  const short = release === undefined ? undefined : `${folder}/records/${release.revision}.json`;
  const path =
    short === undefined || pass.paths.has(short)
      ? `${folder}/_records/${driver.toLowerCase()}-${objectName}.json`
      : short;
  pass.paths.add(path);
  return path;
}

/** The decoded record; undefined, and a gap that names it, when that cannot be. */
function decode(
  pass: Pass,
  { object, identity }: { readonly object: JsonObject; readonly identity: RecordIdentity },
): ReleaseRecord | undefined {
  const { namespace, objectName, release, driver } = identity;
  try {
    if (release === undefined) {
      throw new OperatorError("partial", "HELM_RELEASE_UNREADABLE", "does not say whose it is");
    }
    return decodeRelease(payloadOf(object, driver));
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    const which =
      release === undefined
        ? `${driver} ${namespace}/${objectName}`
        : `helm release ${namespace}/${release.name} revision ${release.revision}`;
    pass.collector.gap({
      code: "HELM_RELEASE_UNREADABLE",
      message: `the record of ${which} cannot be read: it ${error.message}`,
      hint: "the raw record is in the archive; helm itself passes over such a record",
    });
    return undefined;
  }
}

/** The release a record belongs to; undefined, and a gap, when it was handed over before. */
async function openRelease(
  pass: Pass,
  { identity, folder }: { readonly identity: RecordIdentity; readonly folder: string },
): Promise<Release | undefined> {
  const { namespace, driver, release: told } = identity;
  if (told === undefined) return undefined;
  if (pass.closed.has(folder)) {
    pass.collector.gap({
      code: "HELM_RELEASE_CHANGED",
      message: `helm release ${namespace}/${told.name} got revision ${told.revision} while it was read: that record is saved, but the values and the history are those before it`,
      hint: "run the backup again",
    });
    return undefined;
  }
  const release: Release = pass.open.get(folder) ?? {
    folder,
    driver,
    namespace,
    name: told.name,
    revisions: [],
    latest: undefined,
  };
  pass.open.delete(folder);
  pass.open.set(folder, release);
  const [oldest] = pass.open.values();
  if (pass.open.size > OPEN_MAX && oldest !== undefined) await close(pass, oldest);
  return release;
}

async function close(pass: Pass, release: Release): Promise<void> {
  pass.open.delete(release.folder);
  pass.closed.add(release.folder);
  pass.paths.add(`${release.folder}/history.json`);
  await addRelease(release, pass.collector);
  if (release.latest === undefined || release.driver !== "Secret") return;
  const { record } = release.latest;
  pass.found.push({
    namespace: record.namespace,
    name: record.name,
    revision: record.revision,
    chart: chartLabel(record.chart),
  });
}
