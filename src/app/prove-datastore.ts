/** Is the datastore in an archive whole, the one the manifest describes, and can the archive's own token open it. */
import { bootstrapFile } from "../datastore/bootstrap.ts";
import { caHash } from "../datastore/ca-hash.ts";
import { tokenHash, tokenPassword } from "../datastore/token.ts";
import { OperatorError } from "../errors.ts";
import { passed } from "./archive-checks.ts";
import { inspectDatastore } from "./inspect-datastore.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { DatastoreFacts } from "../datastore/facts.ts";
import type { RandomAccess } from "../sys/files.ts";
import type { SqlReader } from "../sys/sqlite.ts";
import type { Check } from "./archive-checks.ts";
import type { Context } from "./context.ts";

const ANOTHER_ARCHIVE = "take another archive; which are whole: railiance-cluster verify --all";

export interface StoredDatastore {
  readonly manifest: Manifest;
  /** Texts of the entries of kind token. */
  readonly tokens: readonly string[];
  readonly datastore: RandomAccess;
  /** The same open in SQLite, when that is its kind. */
  readonly database: SqlReader | undefined;
}

/**
 * Walks the datastore and compares it with the manifest. Throws an OperatorError,
 * exit verifyFailed: `TOKEN_MISMATCH`, those of `inspectDatastore`,
 * `MANIFEST_MISMATCH` or `CLUSTER_MISMATCH`.
 */
export async function proveDatastore(
  context: Context,
  stored: StoredDatastore,
): Promise<{ readonly facts: DatastoreFacts; readonly checks: readonly Check[] }> {
  const { manifest, datastore, database } = stored;
  const password = requireToken(stored);
  const facts = await inspectDatastore(
    { file: datastore, database },
    {
      password,
      signal: context.host.signal,
      onProgress: (done, total) => context.talk({ type: "progress", done, total }),
    },
  );
  const entry = manifest.entries.find(({ path }) => path === manifest.datastore.entry);
  requireEqual("size in bytes", { found: facts.size, recorded: entry?.size });
  requireEqual("SHA-256", { found: facts.sha256, recorded: entry?.sha256 });
  requireEqual("revision", { found: facts.revision, recorded: manifest.datastore.revision });
  requireEqual("number of keys", { found: facts.keys, recorded: manifest.datastore.keys });
  const files = requireCluster(facts, manifest);
  return {
    facts,
    checks: [
      passed("token.hash", `the server token has the recorded hash ${manifest.tokenHash}`),
      ...storeChecks(facts, manifest.datastore.kind),
      passed("bootstrap.opens", "cluster certificates and keys decrypted with the token", {
        count: files,
      }),
      passed("cluster.id", "the server CA in them is the recorded cluster's"),
    ],
  };
}

function storeChecks(facts: DatastoreFacts, kind: "etcd" | "sqlite"): Check[] {
  const { pages } = facts;
  const own =
    kind === "sqlite"
      ? [
          passed("database.integrity", "database pages, and every row in every index", {
            count: pages,
          }),
          passed("database.alone", "no part of it was in a log beside it"),
        ]
      : [
          passed("snapshot.trailer", "the hash etcd appended to the snapshot"),
          passed("snapshot.pages", "database pages, each in use once or free", { count: pages }),
        ];
  const prefix = kind === "sqlite" ? "database" : "snapshot";
  return [
    ...own,
    passed(`${prefix}.keys`, "live keys, as many as recorded", { count: facts.keys }),
    passed(`${prefix}.revision`, `revision ${facts.revision}, as recorded`),
  ];
}

/** The password of the token that the manifest names. */
function requireToken({ manifest, tokens }: StoredDatastore): string {
  for (const token of tokens) {
    const password = passwordOf(token);
    if (password !== undefined && tokenHash(password) === manifest.tokenHash) return password;
  }
  throw new OperatorError(
    "verifyFailed",
    "TOKEN_MISMATCH",
    `the server token in the archive is not the one with the recorded hash ${manifest.tokenHash}`,
    { hint: ANOTHER_ARCHIVE },
  );
}

function passwordOf(token: string): string | undefined {
  try {
    return tokenPassword(token);
  } catch {
    return undefined; // not a server token; another entry may be
  }
}

function requireEqual(
  what: string,
  values: { readonly found: number | string; readonly recorded: number | string | undefined },
): void {
  const { found, recorded } = values;
  if (found === recorded) return;
  throw new OperatorError(
    "verifyFailed",
    "MANIFEST_MISMATCH",
    `the snapshot's ${what} is ${found}, the manifest says ${recorded ?? "nothing"}`,
    { hint: ANOTHER_ARCHIVE },
  );
}

/** How many bootstrap files there are; throws unless their server CA is the manifest's cluster. */
function requireCluster(facts: DatastoreFacts, manifest: Manifest): number {
  const ca = facts.bootstrap === undefined ? undefined : bootstrapFile(facts.bootstrap, "ServerCA");
  if (facts.bootstrap === undefined || ca === undefined) {
    throw new TypeError("the snapshot was inspected without its password");
  }
  if (hashOf(ca) === manifest.cluster.id) return facts.bootstrap.size;
  throw new OperatorError(
    "verifyFailed",
    "CLUSTER_MISMATCH",
    "the cluster certificates in the snapshot are not those of the cluster in the manifest",
    { hint: ANOTHER_ARCHIVE },
  );
}

function hashOf(ca: Uint8Array): string | undefined {
  try {
    return caHash(ca);
  } catch {
    return undefined; // no certificate in it
  }
}
