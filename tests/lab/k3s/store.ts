/** Single keys of the running datastore, be it etcd or kine, and of a stopped etcd's file. */
import { runPart } from "./parts.ts";
import { FrontError } from "./log.ts";
import type { Paths } from "./paths.ts";

export interface Pair {
  readonly key: string;
  readonly value: string;
}

export interface Store {
  /** Everything under `/bootstrap/`. */
  list(): Promise<Pair[]>;
  /** False when the key is there already. */
  create(key: string, value: string): Promise<boolean>;
  remove(key: string): Promise<void>;
}

export function etcdArguments(paths: Paths, endpoint = "https://127.0.0.1:2379"): string[] {
  return [
    `--endpoint=${endpoint}`,
    `--cacert=${paths.etcdCa}`,
    `--cert=${paths.etcdClientCrt}`,
    `--key=${paths.etcdClientKey}`,
  ];
}

export function kineArguments(paths: Paths): string[] {
  return [`--endpoint=unix://${paths.kineSocket}`];
}

/** The store behind an endpoint; `connection` as made by one of the two above. */
export function openStore(connection: readonly string[]): Store {
  const run = async (verb: string, key: string, input?: string) =>
    runPart("lab-kv", [...connection, verb, key], input === undefined ? {} : { input });
  return {
    async list() {
      const { exitCode, stdout, stderr } = await run("list", "/bootstrap");
      if (exitCode !== 0) throw new FrontError(stderr.trim());
      return parsePairs(stdout);
    },
    async create(key, value) {
      const { exitCode, stderr } = await run("create", key, value);
      if (exitCode === 0) return true;
      if (stderr.includes("key exists")) return false;
      throw new FrontError(stderr.trim());
    },
    async remove(key) {
      const { exitCode, stderr } = await run("delete", key);
      if (exitCode !== 0) throw new FrontError(stderr.trim());
    },
  };
}

/** Everything under `/bootstrap/` in an etcd database file that no etcd holds open. */
export async function listFile(path: string): Promise<Pair[]> {
  const { exitCode, stdout, stderr } = await runPart("lab-kv", ["bolt", path]);
  if (exitCode !== 0) throw new FrontError(stderr.trim());
  return parsePairs(stdout);
}

function parsePairs(json: string): Pair[] {
  const parsed: unknown = JSON.parse(json);
  if (!Array.isArray(parsed)) throw new TypeError("lab-kv gave no list");
  return parsed.map((one: unknown) => {
    if (one === null || typeof one !== "object" || !("Key" in one) || !("Value" in one)) {
      throw new TypeError("lab-kv gave no pair");
    }
    return { key: String(one.Key), value: String(one.Value) };
  });
}
