/** All checks of `verify`, file by file. */
import { ARCHIVE_ROWS } from "./rows-archive.ts";
import { BOLT_ROWS } from "./rows-bolt.ts";
import { BOLT_TREE_ROWS } from "./rows-bolt-tree.ts";
import { ENTRY_ROWS } from "./rows-entries.ts";
import { ETCD_ROWS } from "./rows-etcd.ts";
import { MANIFEST_ROWS } from "./rows-manifest.ts";
import { BOOTSTRAP_ROWS, SQLITE_ROWS } from "./rows-sqlite.ts";
import { TAR_HEADER_ROWS } from "./rows-tar-header.ts";
import { TAR_READ_ROWS } from "./rows-tar-read.ts";
import type { NoCheck, Row } from "./row.ts";

export const TABLE: readonly Row[] = [
  ...ARCHIVE_ROWS,
  ...ENTRY_ROWS,
  ...MANIFEST_ROWS,
  ...TAR_HEADER_ROWS,
  ...TAR_READ_ROWS,
  ...BOLT_ROWS,
  ...BOLT_TREE_ROWS,
  ...ETCD_ROWS,
  ...BOOTSTRAP_ROWS,
  ...SQLITE_ROWS,
];

/** Where the checks are. The layers below (age, zstd) refuse by their own arithmetic, which cannot be left out: see corruption.test.ts. */
export const SCANNED = [
  "app/archive-checks.ts",
  "app/proof.ts",
  "app/prove-datastore.ts",
  "app/read-content.ts",
  "archive/entry-walk.ts",
  "archive/hashed-body.ts",
  "archive/manifest.ts",
  "archive/reader.ts",
  "archive/signature.ts",
  "archive/tar-header.ts",
  "archive/tar-pax.ts",
  "archive/tar-read.ts",
  "datastore/bolt-check.ts",
  "datastore/bolt-freelist.ts",
  "datastore/bolt-meta.ts",
  "datastore/bolt-page.ts",
  "datastore/bolt-read.ts",
  "datastore/bolt-walk.ts",
  "datastore/bootstrap-cipher.ts",
  "datastore/bootstrap.ts",
  "datastore/etcd-meta.ts",
  "datastore/etcd-snapshot.ts",
  "datastore/kine.ts",
  "datastore/mvcc-record.ts",
  "datastore/mvcc.ts",
  "datastore/page-ledger.ts",
  "datastore/sqlite-header.ts",
  "datastore/sqlite-inspect.ts",
  "datastore/trailer.ts",
] as const;

const PASSED_ON = "passes on what was thrown below";
const OURS = "a fault of this program, never of an archive";

export const NO_CHECKS: readonly NoCheck[] = [
  { file: "app/proof.ts", site: "throw error", why: PASSED_ON },
  { file: "app/prove-datastore.ts", site: "inspected without its password", why: OURS },
  { file: "app/read-content.ts", site: "read without its datastore", why: OURS },
  { file: "app/read-content.ts", site: "explainWriteError", why: "the disk, not the archive" },
  { file: "archive/entry-walk.ts", site: "throw failure.error", why: "fails again as before" },
  { file: "archive/entry-walk.ts", site: "throw error;", why: PASSED_ON },
  {
    file: "archive/manifest.ts",
    site: "bytes.length > LARGEST_MANIFEST",
    why: "the other one of two: see archive/reader.ts",
  },
  {
    file: "archive/manifest.ts",
    site: "shape.problems",
    why: "says what the schema found: its rows",
  },
  {
    file: "archive/manifest.ts",
    site: "invalid(problems)",
    why: "says what the rules found: their rows",
  },
  { file: "archive/manifest.ts", site: "the manifest was not checked", why: OURS },
  { file: "archive/reader.ts", site: "throw error", why: PASSED_ON },
  { file: "archive/signature.ts", site: "no Ed25519 here", why: "making a key, not checking one" },
  { file: "archive/signature.ts", site: "SIGNING_KEY_BROKEN", why: "this host's own key" },
  {
    file: "datastore/bolt-meta.ts",
    site: "best === undefined",
    why: "says what the rows above found",
  },
  { file: "datastore/bolt-read.ts", site: "was not read", why: OURS },
  {
    file: "datastore/kine.ts",
    site: "throw error;",
    why: "the system or another process, not the archive",
  },
  {
    file: "datastore/kine.ts",
    site: "throw databaseDamaged",
    why: "says what SQLite itself refuses to read",
  },
  {
    file: "archive/signature.ts",
    site: "does not cover the runbook",
    why: "signing, not checking",
  },
];
