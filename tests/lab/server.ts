/**
 * Bare servers for tests: a host with systemd, `k3s.service`, no network, and
 * the executable in /opt/railiance/bin.
 *
 *     await using server = await startBareServer();
 *     const { exitCode, stdout } = await server.run("railiance-cluster backup");
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { createMachine } from "./machine.ts";
import type { DiskKind } from "./holder.ts";
import type { Machine, MachineOptions } from "./machine.ts";
import { EXECUTABLE, labAvailable } from "./places.ts";
import { templateFor } from "./template.ts";

export { labAvailable, skipWithoutLab } from "./places.ts";
export type { CommandResult, Started } from "./command.ts";
export type { RunOptions } from "./machine.ts";

export type Datastore = "etcd" | "sqlite";

export interface BareServerOptions {
  /** Host and node name. Default `s1`. */
  readonly name?: string;
  /** Default etcd (`cluster-init: true`). */
  readonly datastore?: Datastore;
  /** K3s running and ready. Default true; false gives a host with k3s installed and never started. */
  readonly cluster?: boolean;
  /** A path on this machine; default dist/railiance-cluster when that exists; null for none. */
  readonly executable?: string | null;
  /** helm in the PATH. Default true. */
  readonly helm?: boolean;
  /** Programs hidden by default that this test needs on the server, e.g. `["age", "zstd", "tar"]`. */
  readonly tools?: readonly string[];
  /** Lines added to /etc/rancher/k3s/config.yaml. */
  readonly config?: string;
  /** Start with an empty data dir of its own instead of a copy of the common template cluster. */
  readonly fresh?: boolean;
  /** Where the server's disk lies. Default memory. */
  readonly disk?: DiskKind;
  readonly address?: string;
  /** Pods are run, as local processes (README). Default false: they stay Pending. */
  readonly pods?: boolean;
}

export interface BareServer extends Machine {
  readonly datastore: Datastore;
  /** kubectl with the cluster's own kubeconfig; throws when it fails. Gives stdout. */
  kubectl(...args: readonly string[]): Promise<string>;
  /** Path inside the server. Throws the system's error. */
  read(path: string): string;
  readBytes(path: string): Uint8Array;
  /** Writes a file inside, folders as needed; mode 0600 unless told. */
  write(path: string, content: string | Uint8Array, mode?: number): void;
  exists(path: string): boolean;
  remove(path: string): void;
  /** Starts k3s.service and waits until K3s says it is ready; gives milliseconds. Throws with the log's end. */
  startCluster(options?: { readonly timeout?: number }): Promise<number>;
  stopCluster(): Promise<void>;
  /** Switches faults of the stand-in on, one a line; "" for none (tests/lab/README.md). */
  faults(lines: string): void;
}

/** Boots a server. Dispose of it with `await using`. Throws with the reason when the lab cannot run. */
export async function startBareServer(options: BareServerOptions = {}): Promise<BareServer> {
  const reason = labAvailable();
  if (reason !== undefined) throw new Error(reason);
  const server = await createServer(options);
  try {
    await server.boot();
    if (options.cluster !== false) await server.startCluster();
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

/** A server that is not booted yet. */
export async function createServer(options: BareServerOptions = {}): Promise<BareServer> {
  const datastore = options.datastore ?? "etcd";
  const machine = machineOptions(options, datastore);
  const ready = options.cluster !== false && options.fresh !== true;
  const template = ready ? await templateFor(machine, datastore) : undefined;
  const created = await createMachine({ ...machine, template });
  const server = serverOn(created, datastore);
  // The template brings its own config.yaml without this test's lines.
  server.write("/etc/rancher/k3s/config.yaml", machine.config);
  return server;
}

function machineOptions(options: BareServerOptions, datastore: Datastore): MachineOptions {
  const base = datastore === "etcd" ? "cluster-init: true\n" : "";
  const executable =
    options.executable === undefined && existsSync(EXECUTABLE) ? EXECUTABLE : options.executable;
  return {
    name: options.name ?? "s1",
    executable: executable ?? undefined,
    helm: options.helm ?? true,
    tools: options.tools ?? [],
    config: `${base}${options.config ?? ""}`,
    enabled: options.cluster !== false,
    disk: options.disk ?? "memory",
    address: options.address ?? "10.99.0.1",
    pods: options.pods ?? false,
  };
}

function serverOn(machine: Machine, datastore: Datastore): BareServer {
  const at = (path: string): string => `${machine.root}${path}`;
  const additions = {
    datastore,
    kubectl: (...args: readonly string[]) => machine.must(["k3s", "kubectl", ...args]),
    read: (path: string) => readFileSync(at(path), "utf8"),
    readBytes: (path: string): Uint8Array => readFileSync(at(path)),
    write(path: string, content: string | Uint8Array, mode = 0o600) {
      mkdirSync(dirname(at(path)), { recursive: true });
      writeFileSync(at(path), content, { mode });
    },
    exists: (path: string) => statSync(at(path), { throwIfNoEntry: false }) !== undefined,
    remove: (path: string) => rmSync(at(path), { recursive: true, force: true }),
    async startCluster(how: { readonly timeout?: number } = {}) {
      const began = performance.now();
      try {
        await machine.must(["systemctl", "start", "k3s"], { timeout: how.timeout ?? 60_000 });
      } catch (error) {
        const { stdout } = await machine.run(
          "journalctl -u k3s --no-pager | grep level= | tail -20",
        );
        throw new Error(`k3s did not start: ${String(error)}\n${stdout}`);
      }
      return performance.now() - began;
    },
    async stopCluster() {
      await machine.must(["systemctl", "stop", "k3s"]);
    },
    faults(lines: string) {
      additions.write("/etc/k3s-lab-faults", `${lines}\n`);
    },
  };
  // Not a spread: `root` of a machine changes with each boot.
  return Object.assign(machine, additions);
}
