/** Checks of an etcd snapshot: trailer, records, what etcd notes of itself. */
import { join } from "../../helpers/tar.ts";
import { reseal } from "../../unit/datastore/support.ts";
import { archiveWith, datastoreOf } from "./build.ts";
import { CHILD, STRUCTURE, branchKey, row } from "./datastore-row.ts";
import { bolt, inlineElement, inlineEntry, record } from "./surgeon.ts";
import type { Made, Row } from "./row.ts";

async function flippedUnused(): Promise<Made> {
  const bytes = await datastoreOf("etcd");
  const at = bytes.length - 33; // the end of the last page
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return archiveWith("etcd", { datastore: bytes });
}

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

export const ETCD_ROWS: readonly Row[] = [...FILE_ROWS, ...META_ROWS, ...RECORD_ROWS];
