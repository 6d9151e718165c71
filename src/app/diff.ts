/** `diff`: what changed between an archive and the live cluster, or between two archives. */
import { compareObjects } from "../datastore/compare.ts";
import { objectsIn } from "../datastore/objects.ts";
import { OperatorError } from "../errors.ts";
import { readSettings } from "../k3s/settings.ts";
import { takeLock } from "../sys/lock.ts";
import { THIS_PROCESS } from "../sys/this-process.ts";
import { timeText } from "../words.ts";
import { readSidecar, resolveArchive } from "./archives.ts";
import { openLiveDatastore } from "./live-datastore.ts";
import { makeStage } from "./make-stage.ts";
import { openingKeys } from "./opening-keys.ts";
import { LOCK_FILE } from "./places.ts";
import { requireRoot } from "./preflight.ts";
import { openProof } from "./proof.ts";
import type { Comparison, ObjectSource } from "../datastore/compare.ts";
import type { Context } from "./context.ts";

export interface DiffOptions {
  /** Path, file name or id; undefined: see `Wanted`. */
  readonly older: string | undefined;
  /** The same; undefined means the cluster that runs here. */
  readonly newer: string | undefined;
  readonly directory: string;
  readonly dataDir: string | undefined;
  readonly identityFiles: readonly string[];
  /** Compare although they are of different clusters. */
  readonly force: boolean;
}

export interface DiffSide {
  readonly kind: "archive" | "live";
  /** Of an archive. */
  readonly path?: string;
  /** Name of the server's Node object or host. */
  readonly host: string;
  /** UTC, RFC 3339. */
  readonly created: string;
  readonly clusterId: string;
  readonly revision: number;
  readonly keys: number;
  /** Of the live cluster: K3s was down, and its files were read. */
  readonly stopped?: boolean;
}

export interface DiffResult {
  readonly older: DiffSide;
  readonly newer: DiffSide;
  readonly comparison: Comparison;
}

interface OpenSide extends AsyncDisposable {
  readonly side: DiffSide;
  readonly source: ObjectSource;
}

/**
 * Proves what it reads, then compares. Throws the OperatorErrors of `proveArchive`
 * and `openLiveDatastore`; `OTHER_CLUSTER`, exit refused, for two clusters;
 * `NOT_ROOT` and `LOCKED` only when the live cluster is asked for.
 */
export async function diff(context: Context, options: DiffOptions): Promise<DiffResult> {
  if (options.newer === undefined) requireRoot(context.host, "a comparison with the live cluster");
  const paths = await pathsOf(context, options);
  const identities = await openingKeys(context, options.identityFiles);
  await using older = await openArchiveSide(context, { path: paths.older, identities });
  await using newer =
    paths.newer === undefined
      ? await openLiveSide(context, options.dataDir)
      : await openArchiveSide(context, { path: paths.newer, identities });
  requireSameCluster([older.side, newer.side], options);
  warnOrder(context, [older.side, newer.side]);
  context.talk({ type: "step", text: "comparing" });
  const comparison = await compareObjects(older.source, newer.source);
  const keys = older.side.keys + newer.side.keys;
  context.talk({ type: "done", text: `compared, ${keys} keys read` });
  return { older: older.side, newer: newer.side, comparison };
}

/** Both before anything is read: a name that is wrong is said at once. */
async function pathsOf({ host }: Context, { directory, older, newer }: DiffOptions) {
  return {
    older: await resolveArchive(host, { directory, archive: older }),
    newer:
      newer === undefined ? undefined : await resolveArchive(host, { directory, archive: newer }),
  };
}

async function openArchiveSide(
  context: Context,
  archive: { readonly path: string; readonly identities: readonly string[] },
): Promise<OpenSide> {
  const { path } = archive;
  context.talk({ type: "step", text: `verifying ${path}` });
  const sha256 = (await readSidecar(path))?.sha256;
  const opened = await openProof(context, { ...archive, sha256 });
  context.talk({ type: "done", text: `verified ${path}` });
  const { manifest, snapshot } = opened.proof;
  const { bootstrap, revision, keys } = snapshot;
  return {
    side: {
      kind: "archive",
      path,
      host: manifest.host.nodeName,
      created: manifest.created,
      clusterId: manifest.cluster.id,
      revision,
      keys,
    },
    source: objectsIn(opened.store, { bootstrap, signal: context.host.signal }),
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

async function openLiveSide(context: Context, dataDir: string | undefined): Promise<OpenSide> {
  const { host } = context;
  const settings = await readSettings({ dataDir });
  await using cleanup = new AsyncDisposableStack();
  cleanup.use(await takeLock(LOCK_FILE, `diff, pid ${THIS_PROCESS.pid}`));
  const stage = cleanup.use(await makeStage());
  const created = timeText(host.now());
  const live = cleanup.use(await openLiveDatastore(context, settings, stage));
  const held = cleanup.move();
  const { clusterId, revision, keys, stopped } = live;
  return {
    side: { kind: "live", host: host.hostname, created, clusterId, revision, keys, stopped },
    source: live.source,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

type Sides = readonly [older: DiffSide, newer: DiffSide];

/** Of two clusters every object differs, and the same name means nothing. */
function requireSameCluster([older, newer]: Sides, options: DiffOptions): void {
  if (options.force || older.clusterId === newer.clusterId) return;
  const ids = `CA ${older.clusterId.slice(0, 8)} and ${newer.clusterId.slice(0, 8)}`;
  throw new OperatorError("refused", "OTHER_CLUSTER", `these are two different clusters (${ids})`, {
    hint: "to compare them by name all the same: --force",
  });
}

function warnOrder(context: Context, [older, newer]: Sides): void {
  if (older.created <= newer.created) return;
  context.talk({
    type: "warning",
    code: "ORDER_REVERSED",
    message: `the first of the two is the newer one (${older.created}, then ${newer.created})`,
    hint: "what is called created was deleted in truth; give the older archive first",
  });
}
