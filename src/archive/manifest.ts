/**
 * `manifest.json`, the second entry of every archive (format 1): what is in it,
 * where it came from, and what a restore has to know before it starts.
 */

import { checkShape } from "./manifest-schema.ts";
import { refused } from "./refused.ts";
import { shownPath } from "./tar-path.ts";
import type { EntryKind } from "./entry-kind.ts";

export const FORMAT = "railiance.cluster-backup/1";

/** One file in the archive. */
export interface Entry {
  /** Path inside the tar: relative, `/`-separated, no `.` or `..`. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Bytes. */
  readonly size: number;
  /** Permission bits, e.g. 0o600 (a number in JSON). */
  readonly mode: number;
  /** 64 hex digits. */
  readonly sha256: string;
  /** Absolute path it was read from and goes back to; absent for exports (helm values) that no file was behind. */
  readonly source?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface HelmRelease {
  readonly namespace: string;
  readonly name: string;
  readonly revision: number;
  /** As helm has it: `deployed`, `failed`, … */
  readonly status: string;
  readonly chart: string;
  readonly chartVersion: string;
  readonly appVersion?: string;
}

export interface Manifest {
  readonly format: typeof FORMAT;
  /** 8 hex digits, also in the file name. */
  readonly id: string;
  /** UTC, RFC 3339, e.g. `2026-11-23T02:31:07Z`. */
  readonly created: string;
  readonly tool: { readonly name: string; readonly version: string };
  readonly cluster: {
    /** Name in the file name: the operator's, or made from `id`. */
    readonly name: string;
    /** Hex, the hash of the server CA as a `K10…` token has it (datastore/ca-hash.ts). */
    readonly id: string;
  };
  readonly host: {
    readonly hostname: string;
    readonly nodeName: string;
    readonly dataDir: string;
    readonly addresses: readonly string[];
    readonly architecture: string;
  };
  readonly k3s: {
    /** `v1.36.2+k3s1`. */
    readonly version: string;
    readonly kubernetes?: string;
    readonly etcd?: string;
    readonly binarySha256?: string;
  };
  readonly datastore: {
    readonly kind: "etcd" | "sqlite";
    /** Path of its entry. */
    readonly entry: string;
    readonly revision: number;
    readonly keys: number;
    /** Server members at the time of the backup: 1 or more. */
    readonly members: readonly { readonly name: string; readonly peerUrls: readonly string[] }[];
    /** Cluster version stamp of etcd, e.g. `3.6.0`. */
    readonly storageVersion?: string;
  };
  /** First 12 hex digits of the SHA-256 of the token's password, as K3s names its bootstrap key. */
  readonly tokenHash: string;
  /** `RUNBOOK.md`, which stands before the manifest; needed for signing. */
  readonly runbook?: { readonly size: number; readonly sha256: string };
  readonly entries: readonly Entry[];
  readonly helm: readonly HelmRelease[];
  /** Some objects by their path in the API, as they were at the datastore's revision; absent in archives of before 0.1.0. */
  readonly canaries?: readonly { readonly path: string; readonly uid: string }[];
  readonly recipients: readonly string[];
  /** The archive this one follows in its folder, or null for the first. */
  readonly previous: { readonly name: string; readonly sha256: string } | null;
  /** What could not be saved; empty when the archive is complete. */
  readonly gaps: readonly { readonly code: string; readonly message: string }[];
  /** Ed25519 over the manifest without this field (RFC 8785 order); age does not say who wrote a file. */
  readonly signature?: { readonly publicKey: string; readonly value: string };
}

/** No honest manifest comes near it; a reader holds the manifest in memory. */
export const LARGEST_MANIFEST = 64 * 1024 * 1024;

const FORMAT_FAMILY = "railiance.cluster-backup/";
const FORMAT_NUMBER = 1;
const PROBLEMS_SHOWN = 5;

/**
 * Reads `manifest.json`. Fields it does not know are kept but ignored. Throws
 * an OperatorError, exit verifyFailed: `FORMAT_NEWER` for an archive of a later
 * release, else `MANIFEST_INVALID` with every problem and its path.
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  if (bytes.length > LARGEST_MANIFEST) throw manifestTooLarge();
  const value = parseJson(bytes);
  requireFormat(value);
  const shape = checkShape(value);
  if ("problems" in shape) throw invalid(shape.problems);
  const problems = [...entryProblems(shape.manifest)];
  if (problems.length > 0) throw invalid(problems);
  return shape.manifest;
}

/** The bytes of `manifest.json`; checks them with `parseManifest` first, so that nothing unreadable is ever written. */
export function serializeManifest(manifest: Manifest): Uint8Array {
  const bytes = new TextEncoder().encode(`${JSON.stringify(manifest, undefined, 2)}\n`);
  parseManifest(bytes);
  return bytes;
}

/** Path of the first entry of a kind, or undefined; of `token`, `agent-token` and `datastore` there is one at most. */
export function pathOfKind(manifest: Manifest, kind: EntryKind): string | undefined {
  return manifest.entries.find((entry) => entry.kind === kind)?.path;
}

/** Path of the server token. */
export function tokenPath(manifest: Manifest): string {
  const path = pathOfKind(manifest, "token");
  if (path === undefined) throw new TypeError("the manifest was not checked: it has no token");
  return path;
}

/** The error for a manifest over `LARGEST_MANIFEST`. */
export function manifestTooLarge(): Error {
  return refused("MANIFEST_TOO_LARGE", "the archive's manifest is larger than 64 MiB");
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refused("MANIFEST_INVALID", "the archive's manifest is not JSON", { cause });
  }
}

function requireFormat(value: unknown): void {
  const format =
    typeof value === "object" && value !== null && "format" in value ? value.format : undefined;
  if (typeof format !== "string" || !format.startsWith(FORMAT_FAMILY)) {
    throw refused("MANIFEST_INVALID", "the archive's manifest is not that of a cluster backup");
  }
  const number = /^[1-9]\d{0,5}$/.exec(format.slice(FORMAT_FAMILY.length))?.[0];
  if (number === undefined || Number(number) <= FORMAT_NUMBER) return;
  throw refused("FORMAT_NEWER", `the archive has format ${number}, this program reads up to 1`, {
    hint: "use a newer railiance-cluster; every release reads all earlier formats",
  });
}

function invalid(problems: readonly string[]): Error {
  const more = problems.length - PROBLEMS_SHOWN;
  const shown = problems.slice(0, PROBLEMS_SHOWN).join("; ");
  const rest = more > 0 ? `; and ${more} more` : "";
  return refused("MANIFEST_INVALID", `the archive's manifest is not valid: ${shown}${rest}`);
}

/** What the shape alone does not show: names that clash, the datastore and the token that must be there. */
function* entryProblems(manifest: Manifest): Generator<string> {
  const files = new Set(manifest.entries.map(({ path }) => path));
  const seen = new Set<string>();
  for (const [index, { path }] of manifest.entries.entries()) {
    const where = `entries.${index}.path`;
    if (seen.has(path)) yield `${where}: ${shownPath(path)} is listed twice`;
    seen.add(path);
    const folder = foldersOf(path).find((parent) => files.has(parent));
    if (folder !== undefined) yield `${where}: lies below ${shownPath(folder)}, which is a file`;
  }
  const stores = manifest.entries.filter(({ kind }) => kind === "datastore");
  if (stores.length !== 1 || stores[0]?.path !== manifest.datastore.entry) {
    yield "datastore.entry: must name the one entry of kind datastore";
  }
  // Two would leave open with which of them a restore goes to work.
  if (manifest.entries.filter(({ kind }) => kind === "token").length !== 1) {
    yield "entries: must hold the one server token, without which the datastore cannot be used";
  }
  if (manifest.entries.filter(({ kind }) => kind === "agent-token").length > 1) {
    yield "entries: must not hold two agent tokens";
  }
}

function foldersOf(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}
