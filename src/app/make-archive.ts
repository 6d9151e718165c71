/** From a saved datastore to a finished archive: collect, describe, encrypt, write, read back. The one writer of archives. */
import { randomBytes } from "node:crypto";
import { archiveName } from "../archive/names.ts";
import { allAssets } from "../assets/all.ts";
import { collectGarbage } from "../sys/memory.ts";
import { timeText } from "../words.ts";
import { readCanaries } from "./canaries.ts";
import { collectAssets } from "./collect.ts";
import { firstKeyFile } from "./key-problems.ts";
import { defaultClusterName, makeManifest } from "./make-manifest.ts";
import { STATE_FOLDER } from "./places.ts";
import { writeArchive } from "./write-archive.ts";
import type { EntryKind } from "../archive/entry-kind.ts";
import type { Entry } from "../archive/manifest.ts";
import type { FoundIdentities } from "../keys/found.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Stage } from "../sys/stage.ts";
import type { Context, Warning } from "./context.ts";
import type { ProvenDatastore } from "./save-datastore.ts";

export interface ArchiveOrder {
  readonly settings: Settings;
  /** K3s's version. */
  readonly version: string;
  readonly created: Date;
  readonly snapshot: ProvenDatastore;
  /** For what is collected; the caller wipes it. */
  readonly stage: Stage;
  /** Prepared (`prepareArchiveFolder`). */
  readonly directory: string;
  /** This file instead of a made-up name in `directory`. */
  readonly output: string | undefined;
  /** Made from the CA when undefined. */
  readonly clusterName: string | undefined;
  readonly recipients: readonly string[];
  /** For reading it back, and for the runbook's words on where the key is. */
  readonly identities: FoundIdentities;
  /** False: what only the API server knows is left out. It does not answer, and asking it would take minutes. */
  readonly api: boolean;
  /** Told of each thing that could not be saved, before the archive is written. */
  readonly onGap: (gap: Warning) => void;
}

export interface MadeArchive {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly created: string;
  readonly clusterId: string;
  readonly recipients: readonly string[];
  readonly entries: readonly {
    readonly kind: EntryKind;
    readonly count: number;
    readonly bytes: number;
  }[];
  readonly helm: number;
  /** Not empty: the archive is valid, but something is missing from it (exit 3). */
  readonly gaps: readonly Warning[];
}

/** Throws an OperatorError when there is no archive in the end; then nothing is left in its folder. */
export async function makeArchive(context: Context, order: ArchiveOrder): Promise<MadeArchive> {
  const { settings, snapshot, stage, created, directory, identities, api } = order;
  const { hostname } = context.host;
  // Proving the snapshot, and before a restore comparing it, left much behind.
  collectGarbage();
  const collected = await collectAssets(context, allAssets({ settings, snapshot, api }), {
    stage,
    server: settings,
  });
  for (const gap of collected.gaps) order.onGap(gap);
  const id = randomBytes(4).toString("hex");
  const clusterName = order.clusterName ?? defaultClusterName(snapshot);
  const name = { cluster: clusterName, host: hostname, created: timeText(created), id };
  const path = order.output ?? `${directory}/${archiveName(name)}`;
  const { manifest, runbook } = await makeManifest({
    context,
    settings,
    version: order.version,
    created,
    id,
    clusterName,
    snapshot,
    collected,
    canaries: api ? await readCanaries(context.host, settings, snapshot.facts.revision) : [],
    recipients: order.recipients,
    directory,
    stateFolder: STATE_FOLDER,
    archive: path,
    keyFile: firstKeyFile(identities),
  });
  // What was collected is in files now; encrypting takes the most memory, and begins with as little as there can be.
  collectGarbage();
  const written = await writeArchive(context, {
    path,
    manifest,
    runbook,
    files: collected.entries,
    identities: identities.identities.map(({ secret }) => secret),
  });
  return {
    path,
    bytes: written.bytes,
    sha256: written.sha256,
    created: manifest.created,
    clusterId: manifest.cluster.id,
    recipients: manifest.recipients,
    entries: tally(manifest.entries),
    helm: collected.releases.length,
    gaps: collected.gaps,
  };
}

function tally(entries: readonly Entry[]): MadeArchive["entries"] {
  const kinds = new Map<EntryKind, { kind: EntryKind; count: number; bytes: number }>();
  for (const { kind, size } of entries) {
    const sum = kinds.get(kind) ?? { kind, count: 0, bytes: 0 };
    kinds.set(kind, { kind, count: sum.count + 1, bytes: sum.bytes + size });
  }
  return [...kinds.values()];
}
