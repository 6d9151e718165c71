/**
 * Makes the databases beside it with a real kine, and `expected.json` with what
 * that kine says of them. Run it again only to add a case:
 *
 *   node_modules/.bin/bun tests/testdata/datastore/sqlite/make.ts
 *
 * Needs `parts` (kine 0.17) and `etcdctl` in .lab/bin, and the bootstrap data of ../make.ts's
 * snapshot, whose keys were thrown away with their cluster. `live.db` and `live.db-wal` are kine's
 * own files after a kill, `copy.db` is SQLite's copy of both together.
 */
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { encryptBootstrap, tokenHash } from "../../../../src/datastore/bootstrap.ts";
import { inspectSnapshot } from "../../../../src/datastore/etcd-snapshot.ts";

const here = import.meta.dirname;
const bin = `${here}/../../../../.lab/bin`;
const work = mkdtempSync(`${tmpdir()}/sqlite-fixtures-`);
const SOCKET = `unix://${work}/kine.sock`;
const FILE = `${work}/live.db`;
const PASSWORD = "fixture-password";

function run(command: readonly string[], input: Uint8Array | string = ""): string {
  const [file = "", ...args] = command;
  const result = spawnSync(file, args, { input, encoding: "utf8", maxBuffer: 1 << 28 });
  if (result.status !== 0) throw new Error(`${command.join(" ")}: ${result.stderr}`);
  return result.stdout;
}

function change(verb: "create" | "update" | "delete", key: string, value = ""): void {
  run([`${bin}/lab-kv`, `--endpoint=${SOCKET}`, verb, key], value);
}

/** Bootstrap data as K3s makes it, without the files that only etcd needs. */
async function bootstrap(): Promise<string> {
  const bytes = new Uint8Array(gunzipSync(readFileSync(`${here}/../etcd-3.7.snapshot.gz`)));
  const file = {
    size: bytes.length,
    read: (offset: number, length: number) => Promise.resolve(bytes.slice(offset, offset + length)),
  };
  const facts = await inspectSnapshot(file, { password: PASSWORD });
  if (facts.bootstrap === undefined) throw new Error("the snapshot holds no bootstrap data");
  const files = [...facts.bootstrap].filter(([name]) => !name.startsWith("ETCD"));
  return new TextDecoder().decode(encryptBootstrap(new Map(files), PASSWORD));
}

function fill(sealed: string): void {
  const own = `/bootstrap/${tokenHash(PASSWORD)}`;
  const old = `/bootstrap/${tokenHash("replaced")}`;
  change("create", own);
  change("update", own, sealed);
  change("create", old, "out of use");
  change("delete", old);
  for (let number = 0; number < 16; number += 1) {
    change("create", `/registry/configmaps/default/map-${number}`, `k8s\0 first ${number}`);
  }
  for (let number = 0; number < 8; number += 1) {
    change("update", `/registry/configmaps/default/map-${number}`, `k8s\0 second ${number}`);
  }
  for (let number = 5; number < 8; number += 1) {
    change("delete", `/registry/configmaps/default/map-${number}`);
  }
  change("create", "/registry/configmaps/default/map-7", "k8s\0 again");
  change("create", "/registry", "not below /registry/");
}

function liveSet(): object {
  const answer: {
    readonly header: { readonly revision: number };
    readonly kvs?: readonly { readonly key: string }[];
  } = JSON.parse(
    run([`${bin}/etcdctl`, `--endpoints=${SOCKET}`, "get", "/", "--prefix", "-w", "json"]),
  );
  const names = (answer.kvs ?? []).map(({ key }) => Buffer.from(key, "base64").toString());
  return {
    revision: answer.header.revision,
    keys: names.length,
    registryKeys: names.filter((name) => name.startsWith("/registry/")).length,
    names: names.toSorted(),
  };
}

const kine = spawn(
  `${bin}/parts`,
  [
    "kine",
    `--listen-address=${SOCKET}`,
    "--metrics-bind-address=0",
    `--endpoint=sqlite://${FILE}?_journal=WAL&cache=shared&_busy_timeout=30000`,
  ],
  { cwd: work, stdio: "ignore" },
);
const ended = new Promise((resolve) => kine.once("exit", resolve));
try {
  await sleep(2000);
  fill(await bootstrap());
  const expected = liveSet();
  kine.kill("SIGKILL");
  await ended;
  for (const name of ["live.db", "live.db-wal"]) {
    writeFileSync(`${here}/${name}.gz`, gzipSync(readFileSync(`${work}/${name}`), { level: 9 }));
  }
  const database = new DatabaseSync(FILE, { readOnly: true });
  database.prepare("VACUUM INTO ?").run(`${work}/copy.db`);
  database.close();
  writeFileSync(`${here}/copy.db.gz`, gzipSync(readFileSync(`${work}/copy.db`), { level: 9 }));
  writeFileSync(`${here}/expected.json`, `${JSON.stringify(expected, undefined, 2)}\n`);
} finally {
  kine.kill("SIGKILL");
  rmSync(work, { recursive: true });
}
