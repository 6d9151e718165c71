/**
 * What differs between two datastores, object by object: by key, UID and content.
 * Revisions alone do not tell: a restored cluster counts on from the backup's
 * revision, so both may have the same revision of one key with different content.
 */
import { churnOf } from "./churn.ts";
import { HelmRecords } from "./helm-records.ts";
import type { HelmMove } from "./helm-records.ts";
import { ObjectTable } from "./object-table.ts";
import type { ObjectFacts } from "./object-table.ts";
import { isSealed } from "./secrets-encryption.ts";
import type { SealedValues } from "./secrets-encryption.ts";
import { digestOf, readStoredObject } from "./stored-object.ts";

/** One live record. The bytes are views, good only during the call. */
export interface LiveRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
}

/** One side of a comparison. */
export interface ObjectSource {
  /** Hands out each live record once, newest change first. */
  walk(visit: (record: LiveRecord) => void): Promise<void>;
  readonly sealed: SealedValues;
  /** Who counted the revisions. A cluster that moved from SQLite to etcd counts anew, so those of two kinds say nothing of each other. */
  readonly numbering: "etcd" | "kine";
}

/** `recreated`: the same name, but another object (another UID). */
export type Change = "created" | "changed" | "recreated" | "deleted";

export interface Difference {
  readonly change: Change;
  readonly key: string;
  /** In the newer datastore; of what was deleted: in the older. */
  readonly uid: string | undefined;
  /** Revision of its last change, on the same side. */
  readonly modRevision: number;
  /** It is on its way out: deleted, but something still holds it. */
  readonly deleting: boolean;
}

export interface Comparison {
  /** Newest change first; what was deleted comes last. */
  readonly differences: readonly Difference[];
  /** What the cluster does by itself; see churnOf(). */
  readonly churn: readonly (Difference & { readonly reason: string })[];
  readonly helm: readonly HelmMove[];
  readonly unchanged: number;
  /** Encrypted values that could not be opened: compared as they are stored. */
  readonly unopened: number;
}

/** Reads both sides, the older first. Throws what their walks throw. */
export async function compareObjects(
  older: ObjectSource,
  newer: ObjectSource,
): Promise<Comparison> {
  const table = new ObjectTable();
  const before = new SideReader(older.sealed);
  await older.walk((record) => table.add(record.key, before.read(record)));
  const after = new SideReader(newer.sealed);
  const found = new Findings();
  const comparable = older.numbering === newer.numbering;
  await newer.walk((record) => {
    const facts = after.read(record);
    const row = table.find(record.key);
    const verdict =
      row < 0 ? CREATED : verdictOn({ older: table.factsOf(row), newer: facts, comparable });
    if (row >= 0) table.meet(row);
    if (verdict === undefined) found.unchanged += 1;
    else found.add(textOf(record.key), verdict, facts);
  });
  for (let row = 0; row < table.size; row += 1) {
    if (!table.isMet(row)) found.add(table.keyOf(row), DELETED, table.factsOf(row));
  }
  return {
    differences: found.differences,
    churn: found.churn,
    helm: before.helm.movesTo(after.helm),
    unchanged: found.unchanged,
    unopened: before.unopened + after.unopened,
  };
}

interface Verdict {
  readonly change: Change;
  /** Written again with the same content. */
  readonly rewritten: boolean;
}

const CREATED: Verdict = { change: "created", rewritten: false };
const DELETED: Verdict = { change: "deleted", rewritten: false };

interface Pair {
  readonly older: ObjectFacts;
  readonly newer: ObjectFacts;
  /** Whether the revisions of both were counted by the same datastore. */
  readonly comparable: boolean;
}

/** What became of an object whose key is in both; undefined when nothing did. */
function verdictOn({ older, newer, comparable }: Pair): Verdict | undefined {
  const rewritten = older.digest.every((byte, index) => byte === newer.digest[index]);
  // Where a UID is not known the revision of its making tells as much, and after a restore too.
  const known = older.uid !== undefined && newer.uid !== undefined;
  const same = known
    ? older.uid === newer.uid
    : !comparable || older.createRevision === newer.createRevision;
  if (!same) return { change: "recreated", rewritten: false };
  if (rewritten && (!comparable || older.modRevision === newer.modRevision)) return undefined;
  return { change: "changed", rewritten };
}

class Findings {
  readonly differences: Difference[] = [];
  readonly churn: (Difference & { reason: string })[] = [];
  unchanged = 0;

  add(key: string, { change, rewritten }: Verdict, facts: ObjectFacts): void {
    const { uid, modRevision, deleting } = facts;
    const difference = { change, key, uid, modRevision, deleting };
    const reason = churnOf(key, { change, rewritten });
    if (reason === undefined) this.differences.push(difference);
    else this.churn.push({ ...difference, reason });
  }
}

const encoder = new TextEncoder();
const NODES = encoder.encode("/registry/minions/");
const HELM_FOLDERS = [
  encoder.encode("/registry/secrets/"),
  encoder.encode("/registry/configmaps/"),
];

/** Takes from a record what is kept of it. Plaintext of encrypted values is wiped at once. */
class SideReader {
  unopened = 0;
  readonly helm = new HelmRecords();
  readonly #sealed: SealedValues;

  constructor(sealed: SealedValues) {
    this.#sealed = sealed;
  }

  read({ key, value, createRevision, modRevision }: LiveRecord): ObjectFacts {
    const sealed = isSealed(value);
    const opened = sealed ? this.#sealed.open(value) : undefined;
    if (sealed && opened === undefined) this.unopened += 1;
    const plain = opened ?? value;
    const { uid, deleting } = readStoredObject(plain);
    const digest = digestOf(plain, { isNode: startsWith(key, NODES) });
    opened?.fill(0);
    if (HELM_FOLDERS.some((folder) => startsWith(key, folder))) this.helm.add(textOf(key), uid);
    return { modRevision, createRevision, uid, deleting, digest };
  }
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}

function textOf(key: Uint8Array): string {
  return new TextDecoder().decode(key);
}
