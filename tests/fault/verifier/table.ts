/** All checks of `verify`, file by file. */
import { ARCHIVE_ROWS } from "./rows-archive.ts";
import { MANIFEST_ROWS, TAR_ROWS } from "./rows-manifest.ts";
import type { NoCheck, Row } from "./row.ts";

export const TABLE: readonly Row[] = [...ARCHIVE_ROWS, ...MANIFEST_ROWS, ...TAR_ROWS];

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
] as const;

export const NO_CHECKS: readonly NoCheck[] = [];
