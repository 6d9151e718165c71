/** The server's side of `etcd-snapshot`: save, list, delete, prune on this node's disk. */
import { createHash } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { etcdctl } from "./etcd.ts";
import { fault, heldUp } from "./faults.ts";
import { FrontError, log, textOf } from "./log.ts";
import type { Settings } from "./settings.ts";
import { zipOf } from "./zip.ts";

export interface SnapshotFile {
  readonly name: string;
  readonly nodeName: string;
  /** "" when the save failed. */
  readonly location: string;
  readonly size: number;
  /** Unix seconds. */
  readonly created: number;
  /** Why the save failed. */
  readonly error?: string;
}

export interface Snapshots {
  /** Throws on what K3s answers with an error ID; a failed write is a file with `error` and no exception. */
  save(request: {
    readonly name: string;
    readonly folder: string;
    readonly compress: boolean;
  }): Promise<SnapshotFile>;
  list(folder: string): SnapshotFile[];
  remove(folder: string, names: readonly string[]): string[];
  /** Removes the oldest files whose name begins with the prefix, beyond `keep`. */
  prune(folder: string, options: { readonly prefix: string; readonly keep: number }): string[];
}

export function snapshotsOf(settings: Settings): Snapshots {
  let saving = false;
  const list = (folder: string): SnapshotFile[] =>
    listFolder(settings, folder || settings.paths.snapshots);
  const remove = (folder: string, names: readonly string[]): string[] => {
    const found = list(folder).filter(({ name }) => names.includes(name));
    for (const { location } of found) rmSync(location.slice("file://".length));
    return found.map(({ name }) => name);
  };
  return {
    list,
    remove,
    async save(request) {
      if (saving) throw new FrontError("snapshot save already in progress");
      saving = true;
      try {
        return await save(settings, request);
      } finally {
        saving = false;
      }
    },
    prune(folder, { prefix, keep }) {
      const matching = list(folder).filter(({ name }) => name.startsWith(prefix));
      return remove(
        folder,
        matching.slice(0, Math.max(0, matching.length - keep)).map(({ name }) => name),
      );
    },
  };
}

async function save(
  settings: Settings,
  request: { readonly name: string; readonly folder: string; readonly compress: boolean },
): Promise<SnapshotFile> {
  const folder = request.folder || settings.paths.snapshots;
  if (request.folder === "") mkdirSync(folder, { recursive: true, mode: 0o700 });
  else if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new FrontError(
      `failed to get the snapshot dir: stat ${folder}: no such file or directory`,
    );
  }
  if (fault("save-error") !== undefined) throw new FrontError("ordered by the lab");
  if (fault("save-hang") !== undefined) await new Promise(() => undefined);
  if (fault("save-slow") !== undefined) log.info(`the lab holds up the save of ${request.name}`);
  await heldUp("save-slow");
  // K3s rounds, so the name can lie a second in the future (k3s-observed.md 2).
  const created = Math.round(Date.now() / 1000);
  const name = `${request.name}-${settings.nodeName}-${created}`;
  const failed = (error: string): SnapshotFile => {
    log.error(`Failed to take etcd snapshot: ${error}`);
    return { name, nodeName: settings.nodeName, location: "", size: 0, created, error };
  };
  if (fault("save-silent") !== undefined)
    return failed("ordered by the lab: no space left on device");
  const path = `${folder}/${name}`;
  const { exitCode, stderr } = await etcdctl(settings, ["snapshot", "save", path]);
  if (exitCode !== 0) return failed(reasonOf(stderr));
  damage(path);
  if (fault("save-wrong-node") !== undefined) return toAnotherNode(path, name, created);
  const final = request.compress ? compress(folder, name) : name;
  return fileOf(settings, `${folder}/${final}`);
}

/** etcdctl's JSON lines end with one plain error line, or carry it in `error`. */
function reasonOf(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const plain = lines.findLast((line) => !line.startsWith("{")) ?? "snapshot failed";
  return plain.replace(/^Error: /, "");
}

function compress(folder: string, name: string): string {
  const raw = `${folder}/${name}`;
  const zip = `${raw}.zip`;
  try {
    writeFileSync(zip, zipOf(name, readFileSync(raw)), { mode: 0o600 });
  } catch (error) {
    rmSync(zip, { force: true });
    throw new FrontError(`failed to compress snapshot: ${textOf(error)}`);
  } finally {
    rmSync(raw, { force: true });
  }
  return `${name}.zip`;
}

function damage(path: string): void {
  const { size } = statSync(path);
  if (fault("cut-snapshot") !== undefined)
    truncateSync(path, Number(fault("cut-snapshot") || Math.floor(size / 2)));
  if (fault("flip-snapshot") !== undefined) {
    const content = readFileSync(path);
    const at = Number(fault("flip-snapshot") || Math.floor(size / 2));
    content.writeUInt8(content.readUInt8(at) ^ 1, at);
    writeFileSync(path, content);
  }
}

/** As when `server:` in the configuration led the save to another server (k3s.md 1.3). */
function toAnotherNode(path: string, name: string, created: number): SnapshotFile {
  const other = name.replace(/-\d+$/, `-elsewhere-${created}`);
  const { size } = statSync(path);
  renameSync(path, `/tmp/${other}`);
  return {
    name: other,
    nodeName: "elsewhere",
    location: `file://${path.replace(name, other)}`,
    size,
    created,
  };
}

function listFolder(settings: Settings, folder: string): SnapshotFile[] {
  let names: string[];
  try {
    names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  } catch {
    return [];
  }
  return names
    .map((name) => `${folder}/${name}`)
    .filter(
      (path) => statSync(path, { throwIfNoEntry: false })?.isFile() && !path.endsWith(".part"),
    )
    .map((path) => fileOf(settings, path))
    .sort((one, other) => one.created - other.created || (one.name < other.name ? -1 : 1));
}

function fileOf(settings: Settings, path: string): SnapshotFile {
  const { size, mtimeMs } = statSync(path);
  const name = path.slice(path.lastIndexOf("/") + 1);
  const [, stamp] = /-(\d+)(?:\.zip)?$/.exec(name) ?? [];
  const created = stamp === undefined ? Math.floor(mtimeMs / 1000) : Number(stamp);
  return { name, nodeName: settings.nodeName, location: `file://${path}`, size, created };
}

/** The ETCDSnapshotFile of a snapshot, as K3s writes it; `ls` shows it without the hash in the name. */
export function snapshotObject(
  file: SnapshotFile,
  options: { readonly hashed: boolean; readonly tokenHash?: string },
) {
  const hash = createHash("sha256")
    .update(file.nodeName + file.location + file.name)
    .digest("hex");
  const plain = `local-${file.name
    .toLowerCase()
    .replace(/[^-._a-z0-9]/g, "_")
    .replaceAll("_", "-")}`;
  return {
    kind: "ETCDSnapshotFile",
    apiVersion: "k3s.cattle.io/v1",
    metadata: {
      name: options.hashed ? `${plain}-${hash.slice(0, 6)}` : plain,
      labels: { "etcd.k3s.cattle.io/snapshot-storage-node": file.nodeName },
      ...(options.tokenHash === undefined
        ? {}
        : { annotations: { "etcd.k3s.cattle.io/snapshot-token-hash": options.tokenHash } }),
    },
    spec: { snapshotName: file.name, nodeName: file.nodeName, location: file.location },
    status: {
      ...(file.error === undefined
        ? { size: String(file.size) }
        : { error: { time: timeOf(file.created), message: file.error } }),
      creationTime: timeOf(file.created),
      readyToUse: file.error === undefined,
    },
  };
}

function timeOf(unix: number): string {
  return new Date(unix * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}
