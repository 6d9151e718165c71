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
 * By Kubernetes minor, from the tables of K3s's release notes (k3s-io/docs, docs/release-notes: 1.32.0
 * to 1.33.7 have 3.5, 1.34.1 to 1.36.2 have 3.6, 1.37.0 and 1.37.1 have 3.7.1). What is newer is not guessed.
 */
const BY_KUBERNETES: readonly { readonly upTo: number; readonly etcd: string }[] = [
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
