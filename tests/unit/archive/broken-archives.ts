/** Tars put together by hand from a whole archive's entries: right ones, and ones with one fault each. */
import { serializeManifest } from "../../../src/archive/manifest.ts";
import { collect, makeTestContent } from "../../helpers/archive.ts";
import { END, join, member, put } from "../../helpers/tar.ts";

export const content = await makeTestContent();

export const { manifest, runbook } = content;

export const RUNBOOK = member("RUNBOOK.md", runbook);

export const MANIFEST = member("manifest.json", serializeManifest(manifest));

export const ENTRIES = await Promise.all(
  content.entries.map(async ({ entry, open }) => member(entry.path, await collect(open()))),
);

export const [first = END, second = END, third = END, ...last] = ENTRIES;

/** The bytes with one of them changed, at `at`. */
export function changed(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** The content of a member with its first byte changed. */
export function otherContent(bytes: Uint8Array): Uint8Array {
  return changed(bytes, 512);
}

const LINK = member("config/config.yaml", "", (block) => {
  put(block, 156, "2");
  put(block, 157, "/etc/shadow");
});

const BAD_CHECKSUM = changed(first, 100);

export const BROKEN: readonly (readonly [what: string, tar: Uint8Array, code: string])[] = [
  ["that begins with the manifest", join(MANIFEST, RUNBOOK, ...ENTRIES, END), "NOT_AN_ARCHIVE"],
  ["without a manifest", join(RUNBOOK, ...ENTRIES, END), "NOT_AN_ARCHIVE"],
  ["that is some other tar", join(member("hello", "x"), END), "NOT_AN_ARCHIVE"],
  ["that is empty", END, "NOT_AN_ARCHIVE"],
  ["that ends after the runbook", join(RUNBOOK, END), "NOT_AN_ARCHIVE"],
  [
    "with a manifest over 64 MiB",
    join(
      RUNBOOK,
      member("manifest.json", "", (block) => put(block, 124, "00400000001")),
    ),
    "MANIFEST_TOO_LARGE",
  ],
  [
    "with a manifest that is garbage",
    join(RUNBOOK, member("manifest.json", "x"), END),
    "MANIFEST_INVALID",
  ],
  [
    "of a newer format",
    join(RUNBOOK, member("manifest.json", '{"format":"railiance.cluster-backup/2"}'), END),
    "FORMAT_NEWER",
  ],
  [
    "with another runbook",
    join(otherContent(RUNBOOK), MANIFEST, ...ENTRIES, END),
    "RUNBOOK_CHANGED",
  ],
  [
    "with an entry twice",
    join(RUNBOOK, MANIFEST, first, first, ...ENTRIES.slice(1), END),
    "ENTRY_DUPLICATE",
  ],
  [
    "with an earlier entry again at its end",
    join(RUNBOOK, MANIFEST, ...ENTRIES, first, END),
    "ENTRY_DUPLICATE",
  ],
  ["with a second manifest", join(RUNBOOK, MANIFEST, MANIFEST, ...ENTRIES, END), "ENTRY_DUPLICATE"],
  [
    "with an entry too many",
    join(RUNBOOK, MANIFEST, first, member("x", "x"), second, END),
    "ENTRY_UNLISTED",
  ],
  [
    "with an entry too many at its end",
    join(RUNBOOK, MANIFEST, ...ENTRIES, member("x", "x"), END),
    "ENTRY_UNLISTED",
  ],
  [
    "without its last entry",
    join(RUNBOOK, MANIFEST, ...ENTRIES.slice(0, -1), END),
    "ENTRY_MISSING",
  ],
  ["without any entry", join(RUNBOOK, MANIFEST, END), "ENTRY_MISSING"],
  [
    "without an entry in the middle",
    join(RUNBOOK, MANIFEST, first, third, ...last, END),
    "ENTRY_ORDER",
  ],
  [
    "with two entries swapped",
    join(RUNBOOK, MANIFEST, second, first, third, ...last, END),
    "ENTRY_ORDER",
  ],
  [
    "with a shorter entry",
    join(RUNBOOK, MANIFEST, member("config/config.yaml", "x"), ...ENTRIES.slice(1), END),
    "ENTRY_SIZE",
  ],
  [
    "with a longer entry",
    join(
      RUNBOOK,
      MANIFEST,
      member("config/config.yaml", "x".repeat(999)),
      ...ENTRIES.slice(1),
      END,
    ),
    "ENTRY_SIZE",
  ],
  [
    "with another byte in an entry",
    join(RUNBOOK, MANIFEST, otherContent(first), ...ENTRIES.slice(1), END),
    "ENTRY_HASH",
  ],
  ["with a link", join(RUNBOOK, MANIFEST, LINK, ...ENTRIES.slice(1), END), "TAR_TYPE"],
  [
    "with a name that climbs",
    join(
      RUNBOOK,
      MANIFEST,
      member("aaa", "x", (block) => put(block, 0, "../")),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "with an absolute name",
    join(
      RUNBOOK,
      MANIFEST,
      member("aaa", "x", (block) => put(block, 0, "/aa")),
      END,
    ),
    "TAR_NAME",
  ],
  [
    "with a wrong checksum",
    join(RUNBOOK, MANIFEST, BAD_CHECKSUM, ...ENTRIES.slice(1), END),
    "TAR_CHECKSUM",
  ],
  ["without tar's end", join(RUNBOOK, MANIFEST, ...ENTRIES), "TAR_NO_END"],
  ["with data after tar's end", join(RUNBOOK, MANIFEST, ...ENTRIES, END, RUNBOOK), "TAR_TRAILING"],
];
