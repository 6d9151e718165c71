/**
 * K3s's bootstrap data: the cluster's CAs, keys and passwords, encrypted with the
 * server token and stored under `/bootstrap/<hash>`. Whoever has the token and the
 * snapshot has the cluster; without this record a snapshot restores nothing.
 */
import { Buffer } from "node:buffer";
import * as v from "valibot";
import { OperatorError } from "../errors.ts";
import { bootstrapDamaged, openEnvelope, sealEnvelope } from "./bootstrap-cipher.ts";
import { tokenHash } from "./token.ts";

export { caHash } from "./ca-hash.ts";
export { tokenHash, tokenPassword } from "./token.ts";

export const BOOTSTRAP_PREFIX = "/bootstrap/";

export interface BootstrapFile {
  /** When the file was last written on the server, RFC 3339; clusters first made before K3s 1.22 may have none. */
  readonly timestamp: string | undefined;
  readonly content: Uint8Array;
}

/** Files by K3s's names: `ClientCA`, `PasswdFile`, … */
export type BootstrapData = ReadonlyMap<string, BootstrapFile>;

/** Without any of these a server does not come back as the same cluster. */
const REQUIRED = [
  "ClientCA",
  "ClientCAKey",
  "RequestHeaderCA",
  "RequestHeaderCAKey",
  "ServerCA",
  "ServerCAKey",
  "ServiceKey",
] as const;
const REQUIRED_ETCD = ["ETCDPeerCA", "ETCDPeerCAKey", "ETCDServerCA", "ETCDServerCAKey"] as const;

export type DatastoreKind = "etcd" | "sqlite";

const fileSchema = v.union([
  v.object({ Timestamp: v.optional(v.string()), Content: v.nullable(v.string()) }),
  // Before K3s 1.22 the content stood there alone; K3s still migrates it.
  v.string(),
]);
const dataSchema = v.record(v.string(), fileSchema);

/** A `/bootstrap/<hash>` key that is live in the datastore. */
export interface BootstrapKey {
  /** The 12 hex digits. */
  readonly hash: string;
  readonly readValue: () => Promise<Uint8Array>;
}

/**
 * The key that belongs to a password. Throws BOOTSTRAP_MISSING when there is none
 * at all, BOOTSTRAP_OTHER_TOKEN when there are only those of other tokens.
 */
export function findBootstrap(keys: readonly BootstrapKey[], password: string): BootstrapKey {
  const hash = tokenHash(password);
  const found = keys.find((key) => key.hash === hash);
  if (found !== undefined) return found;
  if (keys.length === 0) {
    throw new OperatorError(
      "verifyFailed",
      "BOOTSTRAP_MISSING",
      "there are no cluster certificates and keys (K3s bootstrap data) in the datastore",
      { hint: "is it K3s's? Any other etcd has none, and K3s cannot start from it" },
    );
  }
  const others = keys.map((key) => key.hash).join(", ");
  throw new OperatorError(
    "verifyFailed",
    "BOOTSTRAP_OTHER_TOKEN",
    `the cluster's certificates and keys are encrypted with another token: found hash ${others}, the token at hand has ${hash}`,
    {
      hint: "use the server token that was in force when the backup was made (before a rotation: the old one)",
    },
  );
}

/** Decrypts a bootstrap value. Throws BOOTSTRAP_DAMAGED when it does not open or is not K3s's JSON. */
export function decryptBootstrap(value: Uint8Array, password: string): BootstrapData {
  const plain = openEnvelope(value, password);
  const parsed = v.safeParse(dataSchema, parseJson(plain));
  plain.fill(0);
  if (!parsed.success) throw bootstrapDamaged("what they decrypt to is not K3s's JSON");
  const files = Object.entries(parsed.output).map(([name, file]): [string, BootstrapFile] => {
    const { Content: content, Timestamp: timestamp } =
      typeof file === "string" ? { Content: file, Timestamp: undefined } : file;
    return [name, { timestamp, content: Buffer.from(content ?? "", "base64") }];
  });
  return new Map(files);
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(value) ? undefined : value;
  } catch {
    // The parser's message would quote what it read: keys.
    return undefined;
  }
}

/** The reverse of decryptBootstrap(), as K3s writes it; for the lab and tests. */
export function encryptBootstrap(data: BootstrapData, password: string): Uint8Array {
  const files = [...data].map(([name, { timestamp, content }]) => [
    name,
    { Timestamp: timestamp, Content: Buffer.from(content).toString("base64") },
  ]);
  return sealEnvelope(
    new TextEncoder().encode(JSON.stringify(Object.fromEntries(files))),
    password,
  );
}

/** Throws BOOTSTRAP_DAMAGED, naming them, when files a restore needs are missing or empty. */
export function requireBootstrapFiles(data: BootstrapData, kind: DatastoreKind): void {
  const needed = kind === "etcd" ? [...REQUIRED, ...REQUIRED_ETCD] : REQUIRED;
  const missing = needed.filter((name) => (data.get(name)?.content.byteLength ?? 0) === 0);
  if (missing.length > 0) throw bootstrapDamaged(`${missing.join(", ")} missing`);
}

/** The content of one file by K3s's name, or undefined. */
export function bootstrapFile(data: BootstrapData, name: string): Uint8Array | undefined {
  return data.get(name)?.content;
}

/**
 * The password of agents when it is one of their own (`--agent-token`); undefined when
 * they use the server's (facts k3s-observed.md 15). It stands only in `PasswdFile`:
 * CSV of password, name, name, group; `node` is the agents' name, `server` the servers'.
 */
export function agentTokenOf(data: BootstrapData): string | undefined {
  const file = bootstrapFile(data, "PasswdFile");
  if (file === undefined) return undefined;
  const passwords = new Map<string, string>();
  for (const line of new TextDecoder().decode(file).split(/\r?\n/)) {
    const [password, name] = csvFields(line);
    if (password !== undefined && name !== undefined) passwords.set(name, password);
  }
  const agent = passwords.get("node");
  return agent === passwords.get("server") ? undefined : agent;
}

/** Fields of a CSV line as Go's encoding/csv writes them: quoted when they hold comma, quote or space in front. */
function csvFields(line: string): string[] {
  const fields = line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g);
  return [...fields].map(([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? "");
}
