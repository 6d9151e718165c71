/** Puts together what the archive says of itself. */
import { FORMAT } from "../archive/manifest.ts";
import { signManifest } from "../archive/signature.ts";
import { datastoreEntry } from "../assets/snapshot.ts";
import { bootstrapFile, caHash, tokenHash, tokenPassword } from "../datastore/bootstrap.ts";
import { OperatorError, systemCode } from "../errors.ts";
import { findProgram } from "../sys/find-program.ts";
import { sha256Hex, sha256OfFile } from "../sys/hash.ts";
import { hostAddresses } from "../sys/network.ts";
import { explainWriteError } from "../sys/write-errors.ts";
import { THIS_PROCESS } from "../sys/this-process.ts";
import { PROGRAM, VERSION } from "../version.ts";
import { findArchives } from "./archives.ts";
import { madeHere } from "./own-archives.ts";
import { timeText } from "../words.ts";
import { runbook } from "./runbook.ts";
import { loadSigningKey } from "./signing-key.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Collected } from "./collect.ts";
import type { Context } from "./context.ts";
import type { ProvenDatastore } from "./save-datastore.ts";

export interface ManifestParts {
  readonly context: Context;
  readonly settings: Settings;
  /** K3s's version. */
  readonly version: string;
  readonly created: Date;
  readonly id: string;
  readonly clusterName: string;
  readonly snapshot: ProvenDatastore;
  readonly collected: Collected;
  readonly canaries: NonNullable<Manifest["canaries"]>;
  readonly recipients: readonly string[];
  readonly directory: string;
  readonly stateFolder: string;
  /** Where the archive will be, and the identity file found on this host: for the runbook. */
  readonly archive: string;
  readonly keyFile: string | undefined;
}

/** The signed manifest of a backup, and the runbook it covers. */
export async function makeManifest(
  parts: ManifestParts,
): Promise<{ manifest: Manifest; runbook: string }> {
  const unsigned = await describe(parts);
  const text = runbook(unsigned, {
    archive: parts.archive,
    key: parts.keyFile,
    settings: parts.settings,
  });
  const bytes = new TextEncoder().encode(text);
  const manifest = await signManifest(
    { ...unsigned, runbook: { size: bytes.length, sha256: sha256Hex(bytes) } },
    await loadSigningKey(parts.stateFolder).catch((error: unknown) => {
      throw explainWriteError(error, parts.stateFolder);
    }),
  );
  return { manifest, runbook: text };
}

async function describe(parts: ManifestParts): Promise<Manifest> {
  const { settings, snapshot, version, collected } = parts;
  const clusterId = clusterIdOf(snapshot);
  const { nodeName, etcd, members, storageVersion } = factsOfKind(parts);
  const binary = await findProgram(settings.k3s, parts.context.host.env["PATH"]);
  return {
    format: FORMAT,
    id: parts.id,
    created: timeText(parts.created),
    tool: { name: PROGRAM, version: VERSION },
    cluster: { name: parts.clusterName, id: clusterId },
    host: {
      hostname: parts.context.host.hostname,
      nodeName,
      dataDir: settings.dataDir,
      addresses: hostAddresses(),
      architecture: THIS_PROCESS.architecture,
    },
    k3s: {
      version,
      kubernetes: version.replace(/\+.*$/, ""),
      ...(etcd === undefined ? {} : { etcd }),
      ...(binary === undefined ? {} : { binarySha256: await sha256OfFile(binary) }),
    },
    datastore: {
      kind: snapshot.kind,
      entry: datastoreEntry(snapshot.kind),
      revision: snapshot.facts.revision,
      keys: snapshot.facts.keys,
      members,
      ...(storageVersion === undefined ? {} : { storageVersion }),
    },
    tokenHash: tokenHash(tokenPassword(snapshot.token)),
    entries: collected.entries.map(({ entry }) => entry),
    helm: collected.releases,
    ...(parts.canaries.length === 0 ? {} : { canaries: parts.canaries }),
    recipients: parts.recipients,
    previous: await previousArchive(parts.directory, parts.context.host.hostname),
    gaps: collected.gaps.map(({ code, message }) => ({ code, message })),
  };
}

interface KindFacts {
  readonly nodeName: string;
  readonly etcd: string | undefined;
  readonly members: Manifest["datastore"]["members"];
  readonly storageVersion: string | undefined;
}

/** SQLite has no members: its one server stands for them. */
function factsOfKind({ snapshot, settings, context }: ManifestParts): KindFacts {
  const nodeName = (settings.one("node-name") ?? context.host.hostname).toLowerCase();
  if (snapshot.kind === "sqlite") {
    const members = [{ name: nodeName, peerUrls: [] }];
    return { nodeName, etcd: undefined, members, storageVersion: undefined };
  }
  const { clusterVersion, members, storageVersion } = snapshot.facts;
  return {
    nodeName: nodeNameOf(snapshot.saved.name, nodeName),
    etcd: clusterVersion,
    members: members.map(({ name, peerUrls }) => ({ name, peerUrls })),
    storageVersion,
  };
}

/** K3s knows no cluster name; without one from the operator it is made from the CA. */
export function defaultClusterName(snapshot: Pick<ProvenDatastore, "facts">): string {
  return `k3s-${clusterIdOf(snapshot).slice(0, 6)}`;
}

function clusterIdOf({ facts }: Pick<ProvenDatastore, "facts">): string {
  const authority =
    facts.bootstrap === undefined ? undefined : bootstrapFile(facts.bootstrap, "ServerCA");
  if (authority !== undefined) return caHash(authority);
  throw new TypeError("the snapshot was not opened with its token");
}

/** K3s names a snapshot `<name>-<node>-<unix>`, and node names may hold dashes (k3s.md 1.4). */
export function nodeNameOf(snapshotName: string, fallback: string): string {
  return /^(?:s2-|x-)?railiance-s2-[0-9a-f]{4}-(.+)-\d+$/.exec(snapshotName)?.[1] ?? fallback;
}

/** The newest of this host: others may share the folder. */
async function previousArchive(directory: string, hostname: string): Promise<Manifest["previous"]> {
  try {
    const [newest] = madeHere(await findArchives(directory), hostname);
    if (newest === undefined) return null;
    return {
      name: newest.name,
      sha256: newest.sidecar?.sha256 ?? (await sha256OfFile(newest.path)),
    };
  } catch (error) {
    if (error instanceof OperatorError || systemCode(error) !== undefined) return null; // none yet
    throw error;
  }
}
