/** Checks of the archive as a whole: name, digest, order, hashes, signature, token, cluster. */
import { archiveByHand, archiveOfTar, archiveWith, baseOf, contentOf, partsOf } from "./build.ts";
import { END, join, member } from "../../helpers/tar.ts";
import type { Manifest } from "../../../src/archive/manifest.ts";
import type { Made, Row } from "./row.ts";

const retold =
  (change: (manifest: Manifest) => Partial<Manifest>): (() => Promise<Made>) =>
  () =>
    archiveWith("etcd", { retell: (manifest) => ({ ...manifest, ...change(manifest) }) });

const OTHER_HASH = "0".repeat(64);
const CONFIG = "files/etc/rancher/k3s/config.yaml";
/** Two entries of equal bytes. */
const TWINS = ["helm/mail/mail/values.yaml", "helm/queue/queue/values.yaml"];

/** A tar of whole archives with one more step in between. */
async function tarWith(change: (parts: Uint8Array[]) => readonly Uint8Array[]): Promise<Made> {
  const content = await contentOf("etcd");
  return archiveOfTar(content, ...change(partsOf(content)));
}

async function twinsSwapped(): Promise<Made> {
  const content = await contentOf("etcd");
  const parts = partsOf(content);
  const [one = 0, other = 0] = TWINS.map(
    (path) => 2 + content.manifest.entries.findIndex((entry) => entry.path === path),
  );
  [parts[one], parts[other]] = [parts[other] ?? END, parts[one] ?? END];
  return archiveOfTar(content, ...parts);
}

/** The body of an entry is another than manifest and signature say. */
async function bodyOf(path: string, change: (body: Uint8Array) => Uint8Array): Promise<Made> {
  const content = await contentOf("etcd");
  const bodies = new Map(content.bodies);
  bodies.set(path, change(bodies.get(path) ?? new Uint8Array()));
  return archiveOfTar(content, ...partsOf({ ...content, bodies }));
}

/** Size in the manifest wrong by some bytes, hash right. */
async function sizeOff(by: number, path = CONFIG): Promise<Made> {
  return archiveByHand("etcd", {
    retell: (manifest) => ({
      ...manifest,
      entries: manifest.entries.map((entry) =>
        entry.path === path ? { ...entry, size: entry.size + by } : entry,
      ),
    }),
  });
}

function withoutRunbook(manifest: Manifest): Manifest {
  const { runbook: _, ...rest } = manifest;
  return rest;
}

const PROVE = "app/prove-datastore.ts";
const SKIP_ENTRY: Row["off"] = [
  ["throw wrongEntry(header.path, { due, listed, index });", "{ index -= 1; return nextEntry(); }"],
];
const MISMATCH = "MANIFEST_MISMATCH";

export const ARCHIVE_ROWS: readonly Row[] = [
  {
    file: "app/archive-checks.ts",
    site: "ARCHIVE_REPLACED",
    mutation: "another whole archive under the name of the one that was written",
    make: async () => ({ ...(await archiveWith("etcd", {})), sha256: OTHER_HASH }),
    code: "ARCHIVE_REPLACED",
  },
  {
    file: "app/archive-checks.ts",
    site: "ARCHIVE_RENAMED",
    mutation: "an old archive renamed to a new one",
    make: async () => {
      const { file } = await baseOf("etcd");
      return { ...(await archiveWith("etcd", {})), name: file.replace(/_\d{8}T/, "_20991231T") };
    },
    code: "ARCHIVE_RENAMED",
  },
  {
    file: "app/read-content.ts",
    site: "TOKEN_TOO_LARGE",
    mutation: "a token with 100 kB of line ends behind it",
    make: async () => {
      const token = (await baseOf("etcd")).bodies.get("k3s/token") ?? new Uint8Array();
      return archiveWith("etcd", {
        bodies: { "k3s/token": join(token, new Uint8Array(100_000).fill(10)) },
      });
    },
    code: "TOKEN_TOO_LARGE",
  },
  {
    file: PROVE,
    site: "TOKEN_MISMATCH",
    off: [
      [
        `throw new OperatorError(
    "verifyFailed",
    "TOKEN_MISMATCH",`,
        `return passwordOf(tokens[0] ?? "") ?? ""; new OperatorError("verifyFailed", "",`,
      ],
    ],
    mutation: "a recorded token hash of another token",
    make: retold(() => ({ tokenHash: "000000000000" })),
    code: "TOKEN_MISMATCH",
  },
  {
    file: PROVE,
    site: MISMATCH,
    off: [[`requireEqual("size in bytes", { found: facts.size, recorded: entry?.size });`, ""]],
    mutation: "a recorded size of the datastore one byte off",
    make: async () => sizeOff(1, (await baseOf("etcd")).manifest.datastore.entry),
    code: "ENTRY_SIZE",
    behind: { says: "ENTRY_SIZE", why: "the reader has counted the same bytes while they came" },
  },
  {
    file: PROVE,
    site: MISMATCH,
    off: [[`requireEqual("SHA-256", { found: facts.sha256, recorded: entry?.sha256 });`, ""]],
    mutation: "a recorded SHA-256 of another datastore",
    make: () =>
      archiveByHand("etcd", {
        retell: (manifest) => ({
          ...manifest,
          entries: manifest.entries.map((entry) =>
            entry.kind === "datastore" ? { ...entry, sha256: OTHER_HASH } : entry,
          ),
        }),
      }),
    code: MISMATCH,
    says: "SHA-256",
  },
  {
    file: PROVE,
    site: MISMATCH,
    off: [
      [
        `requireEqual("revision", { found: facts.revision, recorded: manifest.datastore.revision });`,
        "",
      ],
    ],
    mutation: "a recorded revision one higher",
    make: retold(({ datastore }) => ({
      datastore: { ...datastore, revision: datastore.revision + 1 },
    })),
    code: MISMATCH,
    says: "revision",
  },
  {
    file: PROVE,
    site: MISMATCH,
    off: [
      [
        `requireEqual("number of keys", { found: facts.keys, recorded: manifest.datastore.keys });`,
        "",
      ],
    ],
    mutation: "a recorded number of keys one lower",
    make: retold(({ datastore }) => ({ datastore: { ...datastore, keys: datastore.keys - 1 } })),
    code: MISMATCH,
    says: "number of keys",
  },
  {
    file: PROVE,
    site: "CLUSTER_MISMATCH",
    mutation: "the id of another cluster",
    make: retold(({ cluster }) => ({ cluster: { ...cluster, id: OTHER_HASH } })),
    code: "CLUSTER_MISMATCH",
  },
  {
    file: "archive/signature.ts",
    site: "SIGNATURE_WRONG",
    off: [
      [
        `throw refused("SIGNATURE_WRONG",`,
        `return { state: "valid", publicKey }; refused("SIGNATURE_WRONG",`,
      ],
    ],
    mutation: "a gap that was taken out of the manifest after it was signed",
    make: async () => {
      const content = await contentOf("etcd");
      const manifest = { ...content.manifest, gaps: [] };
      return archiveOfTar(content, ...partsOf({ ...content, manifest }));
    },
    code: "SIGNATURE_WRONG",
  },
  {
    file: "archive/signature.ts",
    site: "SIGNATURE_WRONG",
    off: [["manifest.runbook !== undefined && (await fits", "(await fits"]],
    mutation: "a valid signature over a manifest that does not cover the runbook",
    make: () => archiveByHand("etcd", { retell: withoutRunbook }),
    code: "SIGNATURE_WRONG",
  },
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
    make: () => tarWith((parts) => [...parts.slice(0, -1), member("etc/cron.d/x", "x"), END]),
    code: "ENTRY_UNLISTED",
  },
  {
    file: "archive/entry-walk.ts",
    site: "throw wrongEntry",
    off: SKIP_ENTRY,
    mutation: "an entry that is there twice",
    make: () => tarWith((parts) => [...parts.slice(0, -1), parts[2] ?? END, END]),
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
