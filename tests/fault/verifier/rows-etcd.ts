/** Checks of an etcd snapshot: trailer, pages, records, what etcd notes of itself. */
import { join } from "../../helpers/tar.ts";
import { reseal } from "../../unit/datastore/support.ts";
import { archiveWith, datastoreOf } from "./build.ts";
import {
  bolt,
  branchPage,
  bucketValue,
  database,
  inlineElement,
  inlineEntry,
  leafPage,
  pagesOf,
  record,
  withBucket,
  withFreelist,
} from "./surgeon.ts";
import type { Patient } from "../../unit/datastore/support.ts";
import type { Made, Row } from "./row.ts";

const STRUCTURE = "SNAPSHOT_STRUCTURE";

function row(file: string, site: string, rest: Pick<Row, "mutation" | "make"> & Partial<Row>): Row {
  return { file: `datastore/${file}.ts`, site, code: STRUCTURE, ...rest };
}

const keyRoot = (patient: Patient): number => patient.page(patient.bucketRoot("key"));

/** A child of the key bucket's root, not the first. */
const CHILD = 5;

/** The key that the branch page has for a child. */
function branchKey(patient: Patient, index: number): number {
  const element = patient.element(patient.bucketRoot("key"), index);
  return element + patient.view.getUint32(element, true);
}

function lastKey(patient: Patient, leaf: number): Uint8Array {
  const { at } = patient.key(leaf, patient.count(leaf) - 1);
  return patient.bytes.slice(at, at + 17);
}

async function flippedUnused(): Promise<Made> {
  const bytes = await datastoreOf("etcd");
  const at = bytes.length - 33; // the end of the last page
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return archiveWith("etcd", { datastore: bytes });
}

/** Both meta pages changed, or with a checksum that is wrong. */
function metas(change: (patient: Patient, meta: number) => void): () => Promise<Made> {
  return bolt((patient) => {
    for (const meta of [16, patient.pageSize + 16]) change(patient, meta);
  });
}

const META = "bolt-meta";

const FILE_ROWS: readonly Row[] = [
  row("trailer", "throw hashError", {
    mutation: "a bit flipped where no page has anything",
    make: flippedUnused,
    code: "SNAPSHOT_HASH",
  }),
  row("trailer", "SNAPSHOT_CUT", {
    mutation: "a byte more than whole pages, with the right hash behind it",
    make: async () => {
      const body = (await datastoreOf("etcd")).slice(0, -32);
      return archiveWith("etcd", { datastore: reseal(join(body, new Uint8Array(33))) });
    },
    code: "SNAPSHOT_CUT",
  }),
  row("etcd-snapshot", "it is a zip", {
    mutation: "a snapshot that begins like a zip",
    make: bolt(({ bytes }) => bytes.set([0x50, 0x4b, 3, 4])),
    code: "SNAPSHOT_NOT_BOLT",
    behind: {
      says: "page 0 is not a meta page",
      why: "the first one says what it is and what to do",
    },
  }),
  row("etcd-snapshot", "it has no bucket of keys", {
    mutation: "no bucket of keys",
    make: bolt((patient) => {
      const { at } = patient.key(patient.root, patient.bucket("key"));
      patient.bytes[at + 2] = 0x7a;
    }),
    behind: { says: "BOOTSTRAP_MISSING", why: "without a key there is no bootstrap data either" },
  }),
  {
    file: "datastore/bolt-meta.ts",
    off: [
      [
        `if (view.getUint32(at, true) !== MAGIC) return "bolt's magic number is not at its beginning";`,
        "",
      ],
    ],
    mutation: "no magic number in either meta page",
    make: metas((patient, meta) => {
      patient.view.setUint32(meta, 0x12345678, true);
      patient.sealMeta(meta);
    }),
    code: "SNAPSHOT_NOT_BOLT",
  },
  {
    file: "datastore/bolt-meta.ts",
    off: [
      [
        "if (version !== VERSION) return `its bolt version is ${version}, known is ${VERSION}`;",
        "",
      ],
    ],
    mutation: "another version of bolt",
    make: metas((patient, meta) => {
      patient.view.setUint32(meta + 4, 3, true);
      patient.sealMeta(meta);
    }),
    code: "SNAPSHOT_NOT_BOLT",
  },
  {
    file: "datastore/bolt-meta.ts",
    off: [[`return "the checksums of its meta pages are wrong";`, ""]],
    mutation: "wrong checksums in both meta pages",
    make: metas((patient, meta) => patient.view.setBigUint64(meta + 56, 1n, true)),
    code: "SNAPSHOT_NOT_BOLT",
  },
  row(META, "it needs", {
    mutation: "a high-water mark one page behind the end",
    make: bolt((patient) => patient.setMeta(40, BigInt(pagesOf(patient) + 1))),
  }),
  row(META, "its root is page", {
    mutation: "a root behind the last page",
    make: bolt((patient) => patient.setMeta(16, BigInt(pagesOf(patient) + 5))),
    behind: {
      says: "it points to page",
      why: "the walk looks at each page it goes to, the root too",
    },
  }),
  row(META, "its list of free pages is page", {
    mutation: "a list of free pages that is a meta page",
    make: bolt((patient) => patient.setMeta(32, 1n)),
    behind: {
      says: "is not the list of free pages",
      why: "the first one keeps the second from reading outside the file",
    },
  }),
  row("bolt-check", "is not a meta page", {
    mutation: "a first page that is not called a meta page",
    make: bolt((patient) => patient.view.setUint16(8, 0, true)),
  }),
];

const TREE_ROWS: readonly Row[] = [
  row("bolt-walk", "deeper than", {
    mutation: "a tree of 70 pages above each other",
    make: database((patient) =>
      withBucket(
        patient,
        (first) => bucketValue(first),
        (first) => [
          ...Array.from({ length: 70 }, (_, at) => branchPage(first + at, first + at + 1)),
          leafPage(first + 70, []),
        ],
      ),
    ),
  }),
  row("bolt-walk", "holds keys below", {
    mutation: "a parent that says its child begins later than it does",
    make: bolt((patient) => {
      const at = branchKey(patient, CHILD) + 16;
      patient.bytes[at] = (patient.bytes[at] ?? 0) + 1;
    }),
  }),
  row("bolt-walk", "holds keys above", {
    mutation: "a parent that says its child begins where the one before it ends",
    make: bolt((patient) => {
      const before = patient.child(patient.bucketRoot("key"), CHILD - 1);
      patient.bytes.set(lastKey(patient, before), branchKey(patient, CHILD));
    }),
  }),
  row("bolt-walk", "it points to page", {
    mutation: "a child that is a meta page",
    make: bolt((patient) => {
      const at = patient.element(patient.bucketRoot("key"), CHILD) + 8;
      patient.view.setBigUint64(at, 1n, true);
    }),
    behind: {
      says: "neither branch nor leaf",
      why: "the first one keeps the second from reading outside the file",
    },
  }),
  row("bolt-page", "cannot hold", {
    mutation: "more elements than the page has room for",
    make: bolt((patient) => {
      const leaf = patient.page(patient.child(patient.bucketRoot("key"), CHILD));
      patient.view.setUint16(leaf + 10, 256, true);
    }),
    behind: {
      says: "lies outside its place",
      why: "the first one keeps the second from reading outside the page",
    },
  }),
  row("bolt-page", "has no children", {
    mutation: "a branch page without children",
    make: database((patient) =>
      withBucket(
        patient,
        (first) => bucketValue(first),
        (first) => [branchPage(first)],
      ),
    ),
  }),
  row("bolt-page", "lies outside its place", {
    mutation: "a value that reaches into the next key",
    make: bolt((patient) => {
      const at = inlineElement(patient, "lease", 0) + 12;
      patient.view.setUint32(at, patient.view.getUint32(at, true) + 1, true);
    }),
  }),
  row("bolt-page", "has a key of", {
    mutation: "a key of no bytes",
    make: bolt((patient) =>
      patient.view.setUint32(inlineElement(patient, "lease", 0) + 8, 0, true),
    ),
  }),
  row("bolt-page", "are out of order", {
    mutation: "keys out of order",
    make: bolt((patient) => {
      patient.bytes[inlineEntry(patient, "lease", 0).key] = 0xff;
    }),
  }),
  row("bolt-page", "is of an unknown kind", {
    mutation: "an element of an unknown kind",
    make: bolt((patient) => patient.view.setUint32(inlineElement(patient, "lease", 0), 2, true)),
    behind: { says: STRUCTURE, why: "it is then taken for a bucket, which it cannot be either" },
  }),
  row("bolt-page", "is cut short", {
    mutation: "a bucket of 8 bytes",
    make: bolt((patient) => {
      const element = patient.element(patient.root, patient.bucket("key"));
      patient.view.setUint32(element + 12, 8, true);
    }),
  }),
  row("bolt-page", "has no page", {
    mutation: "an inline bucket that is cut inside its page's header",
    make: bolt((patient) => {
      const element = patient.element(patient.root, patient.bucket("alarm"));
      patient.view.setUint32(element + 12, 24, true);
    }),
    behind: {
      says: "cannot hold 0 elements",
      why: "the first one keeps the second from reading outside the bucket",
    },
  }),
  row("bolt-page", "is not a leaf", {
    mutation: "an inline bucket that is a branch",
    make: bolt((patient) => patient.view.setUint16(patient.bucketValue("alarm") + 16 + 8, 1, true)),
  }),
  row("bolt-page", "holds a further bucket", {
    mutation: "an inline bucket in an inline bucket",
    make: database((patient) => {
      const empty = leafPage(0, []).slice(0, 16);
      const key = new TextEncoder().encode("inner");
      const inner = { key, value: bucketValue(0, empty), bucket: true };
      return withBucket(patient, () => bucketValue(0, leafPage(0, [inner]).slice(0, 200)));
    }),
  }),
  row("bolt-read", "says it is page", {
    mutation: "a page that says it is another",
    make: bolt((patient) => {
      const leaf = patient.page(patient.child(patient.bucketRoot("key"), CHILD));
      patient.view.setBigUint64(leaf, 999n, true);
    }),
  }),
  row("bolt-read", "is neither branch nor leaf", {
    mutation: "a branch page with a flag more",
    make: bolt((patient) => patient.view.setUint16(keyRoot(patient) + 8, 0x41, true)),
  }),
  row("bolt-read", "reaches beyond the last page", {
    mutation: "an overflow one page behind the last one",
    make: database((patient) => {
      const bytes = withBucket(
        patient,
        (first) => bucketValue(first),
        (first) => [leafPage(first, [], 1)],
      );
      patient.setMeta(40, BigInt(pagesOf(patient) - 1));
      bytes.set(patient.bytes.subarray(0, 2 * patient.pageSize));
      return bytes;
    }),
  }),
  row("bolt-read", "claims", {
    mutation: "a page of more than 64 MiB",
    make: database((patient) =>
      withBucket(
        patient,
        (first) => bucketValue(first),
        (first) => [leafPage(first, [], 16_400)],
      ),
    ),
  }),
  row("page-ledger", "is used twice", {
    mutation: "two buckets with one root",
    make: bolt((patient) => {
      const root = BigInt(patient.bucketRoot("key"));
      patient.view.setBigUint64(patient.bucketValue("alarm"), root, true);
    }),
  }),
];

const FREELIST_ROWS: readonly Row[] = [
  row("bolt-freelist", "is not the list of free pages", {
    mutation: "a list of free pages that is called a leaf",
    make: withFreelist(
      (ids) => ids,
      (view) => view.setUint16(8, 2, true),
    ),
  }),
  row("bolt-freelist", "reaches beyond the last page", {
    mutation: "a list of free pages with an overflow behind the last page",
    make: withFreelist(
      (ids) => ids,
      (view) => view.setUint32(12, 1, true),
    ),
  }),
  row("bolt-freelist", "cannot hold", {
    mutation: "a list of more free pages than it has room for",
    make: withFreelist(
      (ids) => ids,
      (view) => view.setUint16(10, 600, true),
    ),
    behind: {
      says: "out of order",
      why: "the first one keeps the second from reading outside the list",
    },
  }),
  row("bolt-freelist", "is out of order", {
    mutation: "a page listed as free twice",
    make: withFreelist((ids) => [...ids.slice(0, 1), ...ids]),
  }),
  row("bolt-check", "is in use and listed as free", {
    mutation: "a page in use listed as free",
    make: withFreelist((ids, patient) =>
      [...ids, patient.root].toSorted((left, right) => left - right),
    ),
  }),
  row("bolt-check", "is neither in use nor free", {
    mutation: "a page neither in use nor listed as free",
    make: withFreelist((ids) => ids.slice(1)),
  }),
];

const META_ROWS: readonly Row[] = [
  row("etcd-meta", "consistent index is missing", {
    off: [
      [
        `if (index?.byteLength !== 8) throw structureError("etcd's consistent index is missing");`,
        "",
      ],
      ["consistentIndex: u64BigEndian(viewOf(index), 0),", "consistentIndex: 0,"],
    ],
    mutation: "a consistent index of 7 bytes",
    make: bolt((patient) =>
      patient.view.setUint32(inlineElement(patient, "meta", 1) + 12, 7, true),
    ),
  }),
  row("etcd-meta", "record of member", {
    off: [
      [
        "if (member === undefined) throw",
        "if (member === undefined) continue; if (member === undefined) throw",
      ],
    ],
    mutation: "a member whose record is no JSON",
    make: bolt((patient) => {
      patient.bytes[inlineEntry(patient, "members", 0).value] = 0x78;
    }),
  }),
  row("etcd-meta", "raft state cannot be read", {
    off: [
      [
        "if (state === undefined) throw",
        "if (state === undefined) return undefined; if (state === undefined) throw",
      ],
    ],
    mutation: "a raft state that is no JSON",
    make: bolt((patient) => {
      patient.bytes[inlineEntry(patient, "meta", 0).value] = 0x78;
    }),
  }),
];

const RECORD_ROWS: readonly Row[] = [
  row("mvcc", "is filed under revision", {
    mutation: "a record that says another revision than it is filed under",
    make: record(3, (bytes, { from }) => (bytes[from + 1] = (bytes[from + 1] ?? 0) ^ 1)),
  }),
  row("mvcc-record", "is not named by a revision", {
    mutation: "a record whose name is no revision",
    make: bolt((patient) => {
      const leaf = patient.child(patient.bucketRoot("key"), CHILD);
      patient.bytes[patient.key(leaf, 0).at + 8] = 0x60;
      patient.bytes[branchKey(patient, CHILD) + 8] = 0x60;
    }),
  }),
  row("mvcc-record", "this.keyLength === 0", {
    mutation: "a record without a key",
    make: record(1, (bytes, { from }) => (bytes[from] = 0x32)),
  }),
  row("mvcc-record", "type !== VARINT && type !== BYTES", {
    mutation: "a record with a field of a type etcd does not use",
    make: record(5, (bytes, { from }) => (bytes[from] = 0x2d)),
  }),
  row("mvcc-record", "number > this.#end", {
    mutation: "a value longer than its record",
    make: record(5, (bytes, { from }) => (bytes[from + 1] = (bytes[from + 1] ?? 0) + 1)),
  }),
  {
    file: "datastore/mvcc-record.ts",
    site: "    throw recordError(page);",
    off: [["    throw recordError(page);\n  }\n}", "    return result;\n  }\n}"]],
    mutation: "a record that ends inside a number",
    make: record(5, (bytes, { from, end }) => {
      bytes[from + 1] = (bytes[from + 1] ?? 0) - 1;
      bytes[end - 1] = 0;
    }),
    code: STRUCTURE,
  },
];

export const ETCD_ROWS: readonly Row[] = [
  ...FILE_ROWS,
  ...TREE_ROWS,
  ...FREELIST_ROWS,
  ...META_ROWS,
  ...RECORD_ROWS,
];
