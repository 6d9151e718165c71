/** Which etcd the K3s on this host brings along, known without starting it. */
import { Buffer } from "node:buffer";
import { openFile, statOf } from "../sys/files.ts";
import { findProgram } from "../sys/find-program.ts";
import type { Host } from "../sys/host.ts";
import type { Settings } from "./settings.ts";

export interface EmbeddedEtcd {
  /** `3.6` */
  readonly minor: string;
  /** For people: where that is known from. */
  readonly source: string;
}

const PIECE = 1024 * 1024;
/** No line of build information is longer. */
const OVERLAP = 1024;
/** A line of `go version -m`: every Go program carries them. */
const MODULE = "dep\tgo.etcd.io/etcd/server/v3\tv";
/** The line of a module, and of what it was replaced by: K3s has a fork of its own. */
const LINES = /^dep\t\S+\tv(\d+\.\d+)\.[^\n]*(?:\n=>\t\S+\tv(\d+\.\d+)\.)?/;

/**
 * By Kubernetes minor, from the column Etcd of K3s's release notes (k3s-io/docs release-notes, k3s-io/k3s releases). Seen
 * there: v3.4.13 in 1.19 and 1.21; v3.5.0 in 1.22 and 1.23, v3.5.3 in 1.24, v3.5.9 in 1.30, v3.5.13 to v3.5.26 in 1.31 to
 * 1.33; v3.6.4 to v3.6.12 in 1.34 to 1.36 ("K3s v1.34 and higher include etcd 3.6"); v3.7.1 in 1.37. The minors between
 * were not read. What is newer than the table is not guessed.
 */
const BY_KUBERNETES: readonly { readonly upTo: number; readonly etcd: string }[] = [
  { upTo: 21, etcd: "3.4" },
  { upTo: 33, etcd: "3.5" },
  { upTo: 36, etcd: "3.6" },
  { upTo: 37, etcd: "3.7" },
];

/** `version` as `k3s --version` has it. Undefined when neither the program nor the table tells. */
export async function embeddedEtcd(
  host: Host,
  settings: Settings,
  version: string,
): Promise<EmbeddedEtcd | undefined> {
  const program = await findProgram(settings.k3s, host.env["PATH"]);
  // The program of a release is a wrapper; what it unpacks is K3s itself.
  for (const path of [`${settings.dataDir}/data/current/bin/k3s`, program]) {
    if (path === undefined || (await statOf(path))?.isFile() !== true) continue;
    const minor = await etcdIn(path, version);
    if (minor !== undefined) return { minor, source: `built into ${path}` };
  }
  const kubernetes = /^v1\.(\d+)\./.exec(version)?.[1];
  const row = BY_KUBERNETES.find(({ upTo }) => Number(kubernetes) <= upTo);
  return row === undefined ? undefined : { minor: row.etcd, source: `that of K3s ${version}` };
}

/** The etcd in a Go program, if the program is of this K3s version: one may be unpacked from before an upgrade. */
export async function etcdIn(path: string, version: string): Promise<string | undefined> {
  await using file = await openFile(path);
  let minor: string | undefined;
  let isVersion = false;
  // One buffer for all: 100 MB in fresh ones would stay until some garbage collection.
  const buffer = Buffer.alloc(PIECE);
  for (let offset = 0; offset < file.size; offset += PIECE - OVERLAP) {
    const bytes = buffer.subarray(0, Math.min(PIECE, file.size - offset));
    await file.readInto(bytes, offset);
    isVersion ||= bytes.includes(version);
    const at = minor === undefined ? bytes.indexOf(MODULE) : -1;
    if (at >= 0) {
      const found = LINES.exec(bytes.subarray(at, at + OVERLAP).toString("latin1"));
      minor = found?.[2] ?? found?.[1];
    }
    if (isVersion && minor !== undefined) return minor;
  }
  return undefined;
}
