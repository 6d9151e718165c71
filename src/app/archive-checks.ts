/** What is known once an archive was read to its end, stated as checks; and the two that need the file's own name and digest. */
import { basename } from "node:path";
import { archiveName, parseArchiveName } from "../archive/names.ts";
import { OperatorError } from "../errors.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { SignatureState } from "../archive/signature.ts";

/** One thing that was checked and found right. What fails is an OperatorError, never a check. */
export interface Check {
  /** Stable, e.g. `entries.hashes`. */
  readonly id: string;
  readonly outcome: "pass";
  /** How many of them, where there are many. */
  readonly count?: number;
  /** What was compared with what, for people. */
  readonly detail: string;
}

/** A check that passed. */
export function passed(id: string, detail: string, options: { count?: number } = {}): Check {
  return { id, outcome: "pass", detail, ...options };
}

export interface ReadFile {
  readonly path: string;
  readonly size: number;
  readonly chunks: number;
  readonly sha256: string;
}

/**
 * The checks of an archive that was read to its end without error. Throws an
 * OperatorError, exit verifyFailed: `ARCHIVE_REPLACED` when its digest is not
 * the expected one, `ARCHIVE_RENAMED` when it bears another archive's name.
 */
export function archiveChecks(
  file: ReadFile,
  options: {
    readonly manifest: Manifest;
    readonly signature: SignatureState;
    readonly expected: string | undefined;
  },
): Check[] {
  const { manifest, signature, expected } = options;
  requireDigest(file, expected);
  const named = requireName(file.path, manifest);
  const count = manifest.entries.length;
  return [
    passed("archive.chunks", "every encrypted chunk authentic, up to the mark of the last one", {
      count: file.chunks,
    }),
    ...(expected === undefined
      ? []
      : [passed("archive.digest", "SHA-256 of the file as recorded when it was written")]),
    ...(named ? [passed("archive.name", "file name as in the manifest")] : []),
    passed("tar.structure", "only the listed files, in order, with a proper end", {
      count: count + 2,
    }),
    passed("manifest.rules", `format, fields and ${count} paths valid`),
    passed("entries.hashes", "size and SHA-256 of every entry as in the manifest", { count }),
    ...(manifest.runbook === undefined
      ? []
      : [passed("runbook.hash", "size and SHA-256 of RUNBOOK.md as in the manifest")]),
    ...(signature.state === "unsigned"
      ? []
      : [passed("manifest.signature", `signed by the Ed25519 key ${signature.publicKey}`)]),
  ];
}

function requireDigest(file: ReadFile, expected: string | undefined): void {
  if (expected === undefined || expected === file.sha256) return;
  throw new OperatorError(
    "verifyFailed",
    "ARCHIVE_REPLACED",
    `${file.path} is intact but not the file that was written under this name`,
    { hint: `if it was replaced on purpose, remove ${file.path}.json and verify again` },
  );
}

/** A renamed older archive would pass for the newest. Other names (a copy, a temp file) say nothing, so nothing is checked. */
function requireName(path: string, manifest: Manifest): boolean {
  const name = basename(path);
  if (parseArchiveName(name) === undefined) return false;
  const { id, created } = manifest;
  const right = archiveName({
    cluster: manifest.cluster.name,
    host: manifest.host.hostname,
    created,
    id,
  });
  if (name === right) return true;
  throw new OperatorError(
    "verifyFailed",
    "ARCHIVE_RENAMED",
    `${path} is really ${right}, made ${created}`,
    { hint: "somebody renamed it; give it back its name" },
  );
}
