/** Checks of a SQLite database, and of the bootstrap data in either datastore. */
import { openEnvelope, sealEnvelope } from "../../../src/datastore/bootstrap-cipher.ts";
import { tokenHash } from "../../../src/datastore/token.ts";
import { join } from "../../helpers/tar.ts";
import { baseOf } from "./build.ts";
import { replaced, sql, sqliteBytes } from "./surgeon.ts";
import type { Made, Row } from "./row.ts";

const etcd = await baseOf("etcd");
const sqlite = await baseOf("sqlite");
const KEY = `/bootstrap/${tokenHash(sqlite.password)}`;
const NOT_KINE = "DATABASE_NOT_KINE";

/** K3s's `salt:base64`, wherever it stands in a snapshot. */
const ENVELOPE = /[0-9a-f]{16}:[A-Za-z0-9+/]{2000,}={0,2}/g;

/** The bootstrap data, decrypted, changed, and sealed again with its own token; its length stays. */
function resealed(change: (json: string) => string): () => Promise<Made> {
  return replaced((text) =>
    text.replaceAll(ENVELOPE, (value) => {
      const json = Buffer.from(openEnvelope(Buffer.from(value), etcd.password)).toString("latin1");
      const plain = Buffer.from(change(json), "latin1");
      return Buffer.from(sealEnvelope(plain, etcd.password)).toString();
    }),
  );
}

/** A bit of the authenticator flipped. */
const otherTag = replaced((text) =>
  text.replaceAll(ENVELOPE, (value) => {
    const [salt = "", sealed = ""] = value.split(":");
    const bytes = Buffer.from(sealed, "base64");
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    return `${salt}:${bytes.toString("base64")}`;
  }),
);

const BOOTSTRAP = "datastore/bootstrap.ts";
const CIPHER = "datastore/bootstrap-cipher.ts";

export const BOOTSTRAP_ROWS: readonly Row[] = [
  {
    file: BOOTSTRAP,
    site: "BOOTSTRAP_MISSING",
    mutation: "a datastore without bootstrap data",
    make: sql(
      `INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease) SELECT '/registry/x', 1, 0, 0, 0, 0;
       UPDATE kine SET name = '/registry/y' WHERE name = '${KEY}'`,
    ),
    code: "BOOTSTRAP_MISSING",
    behind: { says: "BOOTSTRAP_OTHER_TOKEN", why: "the first one says that there is none at all" },
  },
  {
    file: BOOTSTRAP,
    site: "BOOTSTRAP_OTHER_TOKEN",
    off: [
      [
        "  const others = keys.map",
        "  const [any] = keys;\n  if (any !== undefined) return any;\n  const others = keys.map",
      ],
    ],
    mutation: "bootstrap data filed under the hash of another token",
    make: replaced((text) => text.replaceAll(tokenHash(etcd.password), tokenHash("another"))),
    code: "BOOTSTRAP_OTHER_TOKEN",
  },
  {
    file: BOOTSTRAP,
    site: "is not K3s's JSON",
    mutation: "bootstrap data with a file without content",
    make: resealed((json) => json.replace(/("IPSECKey":\{[^}]*)"Content"/, '$1"Kontent"')),
    code: "BOOTSTRAP_DAMAGED",
  },
  {
    file: BOOTSTRAP,
    site: "missing`",
    mutation: "bootstrap data without the key of etcd's peer CA",
    make: resealed((json) => json.replace("ETCDPeerCAKey", "ETCDPeerCAKex")),
    code: "BOOTSTRAP_DAMAGED",
  },
  {
    file: CIPHER,
    site: "they are empty",
    mutation: "bootstrap data that is empty, as K3s makes it first",
    make: sql(`UPDATE kine SET value = NULL WHERE name = '${KEY}'`),
    code: "BOOTSTRAP_DAMAGED",
    behind: { says: "not in K3s's format", why: "the first one says that it is K3s's own lock" },
  },
  {
    file: CIPHER,
    site: "they are not in K3s's format",
    mutation: "bootstrap data that is rubbish",
    make: sql(`UPDATE kine SET value = CAST('rubbish' AS BLOB) WHERE name = '${KEY}'`),
    code: "BOOTSTRAP_DAMAGED",
    behind: { says: "does not decrypt", why: "the first one says that no token will" },
  },
  {
    file: CIPHER,
    site: "the token does not decrypt them",
    off: [["return Buffer.concat([plain, decipher.final()]);", "return plain;"]],
    mutation: "bootstrap data with a bit of its authenticator flipped",
    make: otherTag,
    code: "BOOTSTRAP_DAMAGED",
  },
];

function kine(site: string, rest: Pick<Row, "mutation" | "make"> & Partial<Row>): Row {
  return { file: "datastore/kine.ts", site, code: NOT_KINE, ...rest };
}

function header(site: string, rest: Pick<Row, "mutation" | "make" | "code"> & Partial<Row>): Row {
  return { file: "datastore/sqlite-header.ts", site, ...rest };
}

/** These bytes of the file set to others. */
const at = (offset: number, ...values: readonly number[]): (() => Promise<Made>) =>
  sqliteBytes((bytes) => {
    bytes.set(values, offset);
    return bytes;
  });

const SQLITE_SAYS_SO = "SQLite says the same in its own words";

export const SQLITE_ROWS: readonly Row[] = [
  header("it does not begin like one", {
    mutation: "a file that does not begin like SQLite's",
    make: at(0, 0x58),
    code: "DATABASE_NOT_SQLITE",
    behind: { says: "DATABASE_DAMAGED", why: SQLITE_SAYS_SO },
  }),
  header("end within its header", {
    mutation: "a file of 60 bytes",
    make: sqliteBytes((bytes) => bytes.slice(0, 60)),
    code: "DATABASE_CUT",
    behind: {
      says: "crashed",
      why: "nothing can be read on; without it the reader would only trip over that",
    },
  }),
  header("DATABASE_NEEDS_LOG", {
    mutation: "K3s's own file, which has a log beside it",
    make: at(18, 2, 2),
    code: "DATABASE_NEEDS_LOG",
    behind: {
      says: "disk I/O error",
      why: "SQLite cannot read it in verify's nameless file; below a name it could, without the newest objects",
    },
  }),
  header("it says that its pages have", {
    mutation: "pages of 4095 bytes",
    make: at(16, 0x0f, 0xff),
    code: "DATABASE_DAMAGED",
    behind: {
      says: "DATABASE_CUT",
      why: "it is then not as long as its pages, and " + SQLITE_SAYS_SO,
    },
  }),
  header("written by halves", {
    mutation: "a header that was written by halves",
    make: sqliteBytes((bytes) => {
      bytes[27] = (bytes[27] ?? 0) ^ 1;
      return bytes;
    }),
    code: "DATABASE_DAMAGED",
  }),
  header("where its header says", {
    mutation: "a page more than the header says",
    make: sqliteBytes((bytes) => join(bytes, new Uint8Array(4096))),
    code: "DATABASE_CUT",
  }),
  {
    file: "datastore/sqlite-inspect.ts",
    site: "SQLite cannot check it",
    mutation: "a count of free pages that is wrong",
    make: sqliteBytes((bytes) => {
      bytes[39] = (bytes[39] ?? 0) + 1;
      return bytes;
    }),
    code: "DATABASE_DAMAGED",
  },
  kine("it has no table kine", {
    mutation: "a database of another program",
    make: sql("ALTER TABLE kine RENAME TO other"),
    behind: { says: "has no column", why: "the first one says that there is no table at all" },
  }),
  kine("has no column", {
    mutation: "a table kine of another make",
    make: sql("ALTER TABLE kine DROP COLUMN old_value"),
  }),
  kine("are not numbered by id", {
    mutation: "rows that are not numbered by id",
    make: sql(
      `CREATE TABLE two AS SELECT * FROM kine; DROP TABLE kine; ALTER TABLE two RENAME TO kine;
       INSERT INTO sqlite_sequence (name, seq) SELECT 'kine', max(id) FROM kine`,
    ),
  }),
  kine("its counter stands at", {
    mutation: "a counter behind the newest row, which would give revisions twice",
    make: sql("UPDATE sqlite_sequence SET seq = 7"),
  }),
  kine("history was removed up to", {
    mutation: "a compaction ahead of the newest row",
    make: sql("UPDATE kine SET prev_revision = 4000 WHERE name = 'compact_rev_key'"),
  }),
  kine("rows that kine cannot have written", {
    mutation: "a row that does not say whether it created its key",
    make: sql("UPDATE kine SET created = NULL WHERE id = 9"),
  }),
  kine("it holds numbers that kine cannot have written", {
    mutation: "a counter that is no number",
    make: sql("UPDATE sqlite_sequence SET seq = 'many' WHERE name = 'kine'"),
  }),
];
