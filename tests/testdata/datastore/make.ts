/**
 * Makes the snapshots beside it with real etcd servers, and `expected.json` with
 * what those servers say of them. Run it again only to add a case:
 *
 *   LAB_BIN=.lab/bin node_modules/.bin/bun tests/testdata/datastore/make.ts
 *
 * Needs `parts` (etcd 3.7) and `bbolt` in LAB_BIN, Debian's etcd-server and etcd-client (3.4),
 * and openssl for certificates. All keys in it are thrown away with the cluster.
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { encryptBootstrap, tokenHash } from "../../../src/datastore/bootstrap.ts";
import type { BootstrapData } from "../../../src/datastore/bootstrap.ts";

const here = import.meta.dirname;
const bin = process.env["LAB_BIN"] ?? `${here}/../../../.lab/bin`;
const parts = resolve(bin, "parts");
const bbolt = resolve(bin, "bbolt");
const work = mkdtempSync(`${tmpdir()}/datastore-fixtures-`);
const CLIENT = "http://127.0.0.1:23790";
const PEER = "http://127.0.0.1:23800";
const PASSWORD = "fixture-password";

interface Release {
  readonly name: string;
  readonly etcd: readonly string[];
  readonly etcdctl: readonly string[];
  readonly status: readonly string[];
}

const NEW: Release = {
  name: "etcd-3.7",
  etcd: [parts, "etcd"],
  etcdctl: [resolve(bin, "etcdctl")],
  status: [parts, "etcdutl"],
};
const OLD: Release = {
  name: "etcd-3.4",
  etcd: ["etcd"],
  etcdctl: ["etcdctl"],
  status: ["etcdctl"],
};

function run(command: readonly string[], input?: Uint8Array | string): string {
  const [file = "", ...args] = command;
  const result = spawnSync(file, args, {
    input: input ?? "",
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { PATH: process.env["PATH"], ETCDCTL_API: "3", ETCDCTL_ENDPOINTS: CLIENT },
  });
  if (result.status !== 0) throw new Error(`${command.join(" ")}: ${result.stderr}`);
  return result.stdout;
}

async function serve(release: Release): Promise<ChildProcess> {
  const [file = "", ...args] = release.etcd;
  const flags = ["--name", "s1", "--data-dir", `${work}/${release.name}-${Date.now()}`];
  flags.push("--listen-client-urls", CLIENT, "--advertise-client-urls", CLIENT);
  flags.push("--listen-peer-urls", PEER, "--initial-advertise-peer-urls", PEER);
  flags.push("--initial-cluster", `s1=${PEER}`, "--max-txn-ops", "5000");
  const server = spawn(file, [...args, ...flags], { stdio: "ignore" });
  for (let attempt = 0; attempt < 100; attempt += 1) {
    await sleep(100);
    try {
      run([...release.etcdctl, "endpoint", "health"]);
      return server;
    } catch {
      // Not yet.
    }
  }
  server.kill();
  throw new Error(`${release.name} does not start`);
}

async function stop(server: ChildProcess): Promise<void> {
  const ended = new Promise((done) => server.once("exit", done));
  server.kill();
  await ended;
}

type Fill = (etcdctl: (args: readonly string[], input?: Uint8Array | string) => string) => void;

async function make(name: string, release: Release, fill: Fill): Promise<unknown> {
  const server = await serve(release);
  try {
    fill((args, input) => run([...release.etcdctl, ...args], input));
    await sleep(500);
    const file = `${work}/${name}.snapshot`;
    run([...release.etcdctl, "snapshot", "save", file]);
    writeFileSync(`${here}/${name}.snapshot.gz`, gzipSync(readFileSync(file), { level: 9 }));
    return { ...liveSet(release), status: status(release, file), size: readFileSync(file).length };
  } finally {
    await stop(server);
  }
}

interface Answer {
  readonly header: { readonly revision: number };
  readonly kvs?: readonly Record<string, string | number>[];
}

function liveSet(release: Release): object {
  const answer: Answer = JSON.parse(run([...release.etcdctl, "get", "", "--prefix", "-w", "json"]));
  const kvs = answer.kvs ?? [];
  const lines = kvs.map((kv) => {
    const key = Buffer.from(String(kv["key"]), "base64").toString();
    const value = Buffer.from(String(kv["value"] ?? ""), "base64");
    return `${key} ${kv["create_revision"]} ${kv["mod_revision"]} ${kv["version"]} ${sha256(value)}\n`;
  });
  return {
    revision: answer.header.revision,
    keys: lines.length,
    registryKeys: lines.filter((line) => line.startsWith("/registry/")).length,
    /** sha256 over lines "key create mod version sha256(value)", sorted by key. */
    liveDigest: sha256(lines.sort().join("")),
  };
}

function status(release: Release, file: string): unknown {
  const found: unknown = JSON.parse(
    run([...release.status, "snapshot", "status", file, "-w", "json"]),
  );
  return found;
}

function sha256(data: Uint8Array | string): string {
  return createHash("sha256").update(data).digest("hex");
}

function bootstrapData(): BootstrapData {
  const pairs = ["ClientCA", "RequestHeaderCA", "ServerCA", "ETCDPeerCA", "ETCDServerCA"];
  const files = pairs.flatMap((name): [string, string][] => {
    const key = `${work}/${name}.key`;
    const certificate = `${work}/${name}.crt`;
    const request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
    run([
      "openssl",
      ...request,
      "-nodes",
      "-keyout",
      key,
      "-out",
      certificate,
      "-subj",
      `/CN=${name}`,
      "-days",
      "36500",
    ]);
    return [
      [name, readFileSync(certificate, "utf8")],
      [`${name}Key`, readFileSync(key, "utf8")],
    ];
  });
  files.push([
    "ServiceKey",
    run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
  ]);
  files.push([
    "PasswdFile",
    `${PASSWORD},server,server,k3s:server\n"agent,""secret""",node,node,k3s:agent\n`,
  ]);
  const timestamp = "2026-11-23T10:00:00Z";
  return new Map(files.map(([name, text]) => [name, { timestamp, content: Buffer.from(text) }]));
}

const fillSmall: Fill = (etcdctl) => {
  const own = `/bootstrap/${tokenHash(PASSWORD)}`;
  etcdctl(["put", own, ""]);
  etcdctl(["put", own], encryptBootstrap(bootstrapData(), PASSWORD));
  etcdctl(["put", `/bootstrap/${tokenHash("rotated")}`], encryptBootstrap(new Map(), "rotated"));
  etcdctl(["put", "compact_rev_key", "1"]);
  etcdctl(["put", "/registryfoo", "not an object"]);
  for (const name of ["a", "b", "c", "d", "e"]) {
    for (const round of [1, 2, 3])
      etcdctl(["put", `/registry/configmaps/default/${name}`, `k8s ${name} ${round}`]);
  }
  etcdctl(["del", "/registry/configmaps/default/b"]);
  etcdctl(["del", "/registry/configmaps/default/c"]);
  etcdctl(["put", "/registry/configmaps/default/c", "back again"]);
  etcdctl(
    ["txn"],
    "\nput /registry/pods/one 1\nput /registry/pods/two 2\nput /registry/pods/three 3\n\n\n",
  );
  etcdctl(["put", "/registry/secrets/large"], "0123456789abcdef".repeat(1300));
  etcdctl(["put", "/registry/secrets/empty", ""]);
  etcdctl(["put", "/registry/ünïcode", "ok"]);
};

const fillMany: Fill = (etcdctl) => {
  for (const round of [0, 1]) {
    const puts = Array.from({ length: 2400 - round * 1600 }, (_, index) => {
      const number = (index * 7919) % 2400;
      return `put /registry/configmaps/default/object-${number} ${`${round}.${number} `.repeat(30).trim().replaceAll(" ", "_")}`;
    });
    etcdctl(["txn"], `\n${puts.join("\n")}\n\n\n`);
  }
  etcdctl(["del", "/registry/configmaps/default/object-1", "--prefix"]);
};

const fillCompacted: Fill = (etcdctl) => {
  for (const name of ["a", "b", "c"]) etcdctl(["put", `/registry/${name}`, "x".repeat(2000)]);
  etcdctl(["del", "/registry/", "--prefix"]);
  etcdctl(["compact", "5"]);
};

/** The small snapshot with its list of free pages stored, as bbolt does by default and etcd does not. */
function makeFreelist(): void {
  const file = `${work}/freelist.db`;
  run([bbolt, "surgery", "freelist", "rebuild", `${work}/etcd-3.7.snapshot`, "--output", file]);
  writeFileSync(`${here}/freelist.db.gz`, gzipSync(readFileSync(file), { level: 9 }));
}

/** A CA of one certificate, and one with a root above it: their hashes by openssl. */
function makeAuthorities(): object {
  const curve = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-days",
    "36500",
  ];
  const extensions = `${work}/ca.ext`;
  writeFileSync(extensions, "basicConstraints=critical,CA:TRUE\nauthorityKeyIdentifier=keyid\n");
  run([
    "openssl",
    "req",
    "-x509",
    ...curve,
    "-keyout",
    `${work}/root.key`,
    "-out",
    `${work}/root.pem`,
    "-subj",
    "/CN=root",
  ]);
  run([
    "openssl",
    "req",
    "-new",
    ...curve.slice(0, -2),
    "-keyout",
    `${work}/leaf.key`,
    "-out",
    `${work}/leaf.csr`,
    "-subj",
    "/CN=issuing",
  ]);
  const sign = [
    "-CA",
    `${work}/root.pem`,
    "-CAkey",
    `${work}/root.key`,
    "-CAcreateserial",
    "-days",
    "36500",
  ];
  run([
    "openssl",
    "x509",
    "-req",
    "-in",
    `${work}/leaf.csr`,
    ...sign,
    "-extfile",
    extensions,
    "-out",
    `${work}/leaf.pem`,
  ]);
  const root = readFileSync(`${work}/root.pem`, "utf8");
  writeFileSync(`${here}/ca-single.pem`, root);
  writeFileSync(`${here}/ca-bundle.pem`, readFileSync(`${work}/leaf.pem`, "utf8") + root);
  run([
    "openssl",
    "x509",
    "-in",
    `${work}/root.pem`,
    "-outform",
    "der",
    "-out",
    `${work}/root.der`,
  ]);
  const digest = (file: string): string => run(["sha256sum", file]).slice(0, 64);
  return { single: digest(`${here}/ca-single.pem`), bundle: digest(`${work}/root.der`) };
}

try {
  const expected = {
    "etcd-3.7": await make("etcd-3.7", NEW, fillSmall),
    "etcd-3.7-many": await make("etcd-3.7-many", NEW, fillMany),
    "etcd-3.7-compacted": await make("etcd-3.7-compacted", NEW, fillCompacted),
    "etcd-3.7-empty": await make("etcd-3.7-empty", NEW, () => undefined),
    "etcd-3.4": await make("etcd-3.4", OLD, fillSmall),
  };
  makeFreelist();
  writeFileSync(`${here}/ca-hashes.json`, `${JSON.stringify(makeAuthorities(), undefined, 2)}\n`);
  writeFileSync(`${here}/expected.json`, `${JSON.stringify(expected, undefined, 2)}\n`);
} finally {
  rmSync(work, { recursive: true });
}
