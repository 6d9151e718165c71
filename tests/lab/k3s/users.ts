/** `cred/passwd`, the token files and the other small secrets of a server. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import type { Paths } from "./paths.ts";
import type { Settings } from "./settings.ts";
import { formatToken, parseToken, randomToken } from "./token.ts";

export interface Passwords {
  readonly server: string;
  readonly node: string;
}

/**
 * The passwords in force: the given token, else what `cred/passwd` holds, else
 * a random one (k3s-observed.md 3: `server/token` itself never decides).
 * Writes `cred/passwd` when they differ from what it says.
 */
export function ensureUsers(settings: Settings): Passwords {
  const { paths } = settings;
  const known = readPasswd(paths);
  const server =
    (settings.token && parseToken(settings.token).password) ||
    (known.get("server") ?? "") ||
    randomToken();
  const node = (settings.agentToken && parseToken(settings.agentToken).password) || server;
  const content = `${node},node,node,k3s:agent\n${server},server,server,k3s:server\n`;
  if (!existsSync(paths.passwd) || readFileSync(paths.passwd, "utf8") !== content) {
    mkdirSync(dirname(paths.passwd), { recursive: true, mode: 0o700 });
    writeFileSync(paths.passwd, content, { mode: 0o600 });
  }
  return { server, node };
}

/** User name to password, out of `cred/passwd`. */
export function readPasswd(paths: Paths): Map<string, string> {
  if (!existsSync(paths.passwd)) return new Map();
  const lines = readFileSync(paths.passwd, "utf8").split("\n");
  return new Map(
    lines.map((line) => line.split(",")).map(([word = "", user = ""]) => [user, word]),
  );
}

/**
 * `server/token` with the hash of the CA now on disk, and the two absolute
 * links to it; with an agent token `agent-token` is a file of its own. An
 * existing file keeps its mode (k3s-observed.md 9.7).
 */
export function writeTokens(paths: Paths, passwords: Passwords): void {
  writeSecret(paths.token, `${formatToken("server", passwords.server, paths.serverCa)}\n`);
  link(paths.nodeToken, paths.token);
  if (passwords.node === passwords.server) {
    link(paths.agentToken, paths.token);
    return;
  }
  if (isLink(paths.agentToken)) unlinkSync(paths.agentToken);
  writeSecret(paths.agentToken, `${formatToken("node", passwords.node, paths.serverCa)}\n`);
}

/** The IPsec key and the node's own password, made once. */
export function ensureSecrets(settings: Settings): void {
  const { paths } = settings;
  if (!existsSync(paths.ipsec)) writeSecret(paths.ipsec, `${randomBytes(48).toString("hex")}\n`);
  const password = "/etc/rancher/node/password";
  if (settings.withAgent && !settings.reset && !existsSync(password)) {
    mkdirSync(dirname(password), { recursive: true });
    writeSecret(password, `${randomToken()}\n`);
  }
}

/** The files of `--secrets-encryption`, made once (k3s-observed.md 19). */
export function ensureEncryption(paths: Paths, provider: string): void {
  if (existsSync(paths.encryptionConfig)) return;
  const name = provider === "secretbox" ? "secretboxkey" : "aescbckey";
  const keys = { keys: [{ name, secret: randomBytes(32).toString("base64") }] };
  const config = JSON.stringify({
    kind: "EncryptionConfiguration",
    apiVersion: "apiserver.config.k8s.io/v1",
    resources: [{ resources: ["secrets"], providers: [{ [provider]: keys }, { identity: {} }] }],
  });
  writeSecret(paths.encryptionConfig, config);
  writeSecret(
    paths.encryptionState,
    `start-${new Bun.CryptoHasher("sha256").update(config).digest("hex")}`,
  );
}

export function writeSecret(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = !existsSync(path);
  writeFileSync(path, content, { mode: 0o600 });
  if (fresh) chmodSync(path, 0o600);
}

function link(path: string, target: string): void {
  if (isLink(path) && readlinkSync(path) === target) return;
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) unlinkSync(path);
  symlinkSync(target, path);
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}
