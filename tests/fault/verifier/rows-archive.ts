/** Checks of the archive as a whole: name, digest, signature, token, cluster. */
import { join } from "../../helpers/tar.ts";
import { archiveByHand, archiveOfTar, archiveWith, baseOf, contentOf, partsOf } from "./build.ts";
import { OTHER_HASH, sizeOff } from "./entries.ts";
import type { Manifest } from "../../../src/archive/manifest.ts";
import type { Made, Row } from "./row.ts";

const retold =
  (change: (manifest: Manifest) => Partial<Manifest>): (() => Promise<Made>) =>
  () =>
    archiveWith("etcd", { retell: (manifest) => ({ ...manifest, ...change(manifest) }) });

function withoutRunbook(manifest: Manifest): Manifest {
  const { runbook: _, ...rest } = manifest;
  return rest;
}

const PROVE = "app/prove-datastore.ts";
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
];
