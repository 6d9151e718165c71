/** Checks of a bolt file's meta pages and of its list of free pages. */
import { row } from "./datastore-row.ts";
import { bolt, pagesOf, withFreelist } from "./surgeon.ts";
import type { Patient } from "../../unit/datastore/support.ts";
import type { Made, Row } from "./row.ts";

/** Both meta pages changed, or with a checksum that is wrong. */
function metas(change: (patient: Patient, meta: number) => void): () => Promise<Made> {
  return bolt((patient) => {
    for (const meta of [16, patient.pageSize + 16]) change(patient, meta);
  });
}

const META = "bolt-meta";

const META_ROWS: readonly Row[] = [
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

export const BOLT_ROWS: readonly Row[] = [...META_ROWS, ...FREELIST_ROWS];
