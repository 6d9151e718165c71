/** Checks of what stands in the archive, entry by entry: order, sizes, hashes, none more and none less. */
import { END, join, member } from "../../helpers/tar.ts";
import { archiveOfTar, contentOf, partsOf } from "./build.ts";
import { OTHER_HASH, bodyOf, sizeOff, twinsSwapped } from "./entries.ts";
import { CONFIG, whole } from "./tars.ts";
import type { Row } from "./row.ts";

const SKIP_ENTRY: Row["off"] = [
  ["throw wrongEntry(header.path, { due, listed, index });", "{ index -= 1; return nextEntry(); }"],
];

export const ENTRY_ROWS: readonly Row[] = [
  {
    file: "archive/reader.ts",
    site: "does not begin with",
    off: [
      [
        `throw refused("NOT_AN_ARCHIVE", \`the archive does not begin`,
        `return readWhole(tar, header?.size ?? 0); refused("NOT_AN_ARCHIVE", \`the archive does not begin`,
      ],
    ],
    mutation: "a runbook under another name",
    make: async () => {
      const content = await contentOf("etcd");
      const [, ...rest] = partsOf(content);
      return archiveOfTar(content, member("README.md", content.base.runbook), ...rest);
    },
    code: "NOT_AN_ARCHIVE",
  },
  {
    file: "archive/reader.ts",
    site: "as its second file",
    mutation: "a manifest under another name",
    make: async () => {
      const content = await contentOf("etcd");
      const [runbook = END, , ...rest] = partsOf(content);
      const json = `${JSON.stringify(content.manifest)}\n`;
      return archiveOfTar(content, runbook, member("MANIFEST.json", json), ...rest);
    },
    code: "NOT_AN_ARCHIVE",
  },
  {
    file: "archive/reader.ts",
    site: "manifestTooLarge",
    mutation: "a manifest of 64 MiB and more, nearly all of it blanks",
    make: async () => {
      const content = await contentOf("etcd");
      const json = JSON.stringify(content.manifest);
      const blanks = new Uint8Array(64 * 1024 * 1024).fill(0x20);
      const bytes = join(new TextEncoder().encode(json), blanks);
      return archiveOfTar(content, ...partsOf(content, bytes));
    },
    code: "MANIFEST_TOO_LARGE",
    behind: {
      says: "MANIFEST_TOO_LARGE",
      why: "the reader looks before it takes the memory, parseManifest() for all other callers",
    },
  },
  {
    file: "archive/hashed-body.ts",
    site: "sha256",
    mutation: "another byte in config.yaml",
    make: () => bodyOf(CONFIG, (body) => body.map((byte, at) => (at === 3 ? byte ^ 1 : byte))),
    code: "ENTRY_HASH",
  },
  {
    file: "archive/reader.ts",
    off: [["if (manifest.runbook !== undefined) checkRunbook(runbook, manifest.runbook);", ""]],
    mutation: "another runbook than the one that was signed",
    make: async () => {
      const content = await contentOf("etcd");
      const [, ...rest] = partsOf(content);
      return archiveOfTar(content, member("RUNBOOK.md", "rm -rf /\n"), ...rest);
    },
    code: "RUNBOOK_CHANGED",
  },
  {
    file: "archive/hashed-body.ts",
    site: "seen !== size",
    mutation: "config.yaml one byte shorter than recorded, with the hash of what is there",
    make: () => sizeOff(1),
    code: "ENTRY_SIZE",
  },
  {
    file: "archive/hashed-body.ts",
    site: "seen > size",
    mutation: "config.yaml one byte longer than recorded, with the hash of what is there",
    make: () => sizeOff(-1),
    code: "ENTRY_SIZE",
    behind: {
      says: "ENTRY_SIZE",
      why: "the first stops at the first byte too many, the second counts at the end",
    },
  },
  {
    file: "archive/entry-walk.ts",
    site: "throw missing(due)",
    mutation: "a last entry that is listed and not there",
    make: async () => {
      const content = await contentOf("etcd", {
        retell: (manifest) => ({
          ...manifest,
          entries: [
            ...manifest.entries,
            { path: "z", kind: "helm", size: 0, mode: 0o600, sha256: OTHER_HASH },
          ],
        }),
      });
      const parts = partsOf(content);
      parts.splice(-2, 1);
      return archiveOfTar(content, ...parts);
    },
    code: "ENTRY_MISSING",
  },
  {
    file: "archive/entry-walk.ts",
    site: "throw wrongEntry",
    off: SKIP_ENTRY,
    mutation: "a file that the manifest does not list",
    make: whole((parts) => [...parts.slice(0, -1), member("etc/cron.d/x", "x"), END]),
    code: "ENTRY_UNLISTED",
  },
  {
    file: "archive/entry-walk.ts",
    site: "throw wrongEntry",
    off: SKIP_ENTRY,
    mutation: "an entry that is there twice",
    make: whole((parts) => [...parts.slice(0, -1), parts[2] ?? END, END]),
    code: "ENTRY_DUPLICATE",
  },
  {
    file: "archive/entry-walk.ts",
    site: "throw wrongEntry",
    mutation: "two entries of equal bytes in each other's place",
    make: twinsSwapped,
    code: "ENTRY_ORDER",
  },
];
