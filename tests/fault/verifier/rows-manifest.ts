/** The rules of the manifest. */
import { join } from "../../helpers/tar.ts";
import { archiveByHand, archiveOfTar, contentOf, partsOf } from "./build.ts";
import { CONFIG } from "./tars.ts";
import type { Entry, Manifest } from "../../../src/archive/manifest.ts";
import type { Made, Row } from "./row.ts";

const INVALID = "MANIFEST_INVALID";
const SCHEMA = "archive/manifest-schema.ts";
const RULES = "archive/manifest.ts";

/** What no type would let through is put into the manifest's JSON, before it is signed. */
const told =
  (change: (manifest: Manifest) => object): (() => Promise<Made>) =>
  () =>
    archiveByHand("etcd", { retell: (manifest) => Object.assign({}, manifest, change(manifest)) });

/** Something else in the entry of config.yaml. */
const entryTold = (fields: Readonly<Record<string, unknown>>): (() => Promise<Made>) =>
  told(({ entries }) => ({
    entries: entries.map((entry) => (entry.path === CONFIG ? { ...entry, ...fields } : entry)),
  }));

/** An entry more, of a kind there may be one of. */
const twice =
  (kind: Entry["kind"], path: string): (() => Promise<Made>) =>
  async () => {
    const { bodies } = await contentOf("etcd");
    const bytes = bodies.get(path) ?? new Uint8Array();
    return archiveByHand("etcd", { more: [{ entry: { path: "again", kind }, bytes }] });
  };

async function listedTwice(): Promise<Made> {
  const content = await contentOf("etcd", {
    retell: (manifest) => ({
      ...manifest,
      entries: manifest.entries.flatMap((one) => (one.path === CONFIG ? [one, one] : [one])),
    }),
  });
  return archiveOfTar(content, ...partsOf(content));
}

/** The manifest's text, changed after it was made and signed. */
async function textWith(change: (text: Uint8Array) => Uint8Array, gap = "x"): Promise<Made> {
  const content = await contentOf("etcd", {
    retell: (manifest) => ({ ...manifest, gaps: [{ code: "GAP", message: gap }] }),
  });
  const text = new TextEncoder().encode(JSON.stringify(content.manifest));
  return archiveOfTar(content, ...partsOf(content, change(text)));
}

function notUtf8(text: Uint8Array): Uint8Array {
  const at = Buffer.from(text).indexOf("\ufffd");
  return join(text.subarray(0, at), Uint8Array.of(0xff), text.subarray(at + 3));
}

const schemaRow = (
  from: string,
  to: string,
  row: Pick<Row, "mutation" | "make"> & Partial<Row>,
): Row => ({ file: SCHEMA, off: [[from, to]], code: INVALID, ...row });

export const MANIFEST_ROWS: readonly Row[] = [
  {
    file: RULES,
    site: "is not JSON",
    mutation: "a manifest that is not JSON",
    make: () => textWith(() => new TextEncoder().encode("{")),
    code: INVALID,
    says: "is not JSON",
    behind: {
      says: "is not that of a cluster backup",
      why: "nothing can be read of it either way; the sentence is",
    },
  },
  {
    file: RULES,
    off: [[`new TextDecoder("utf-8", { fatal: true })`, "new TextDecoder()"]],
    mutation: "a manifest with a byte that is no UTF-8",
    make: () => textWith(notUtf8, "\ufffd"),
    code: INVALID,
  },
  {
    file: RULES,
    site: "is not that of a cluster backup",
    mutation: "the manifest of another program",
    make: told(() => ({ format: "other.backup/1" })),
    code: INVALID,
    behind: {
      says: "format: ",
      why: "the schema has the format too; the first one says it in words",
    },
  },
  {
    file: RULES,
    site: "FORMAT_NEWER",
    mutation: "a manifest of format 2",
    make: told(() => ({ format: "railiance.cluster-backup/2" })),
    code: "FORMAT_NEWER",
    behind: {
      says: "format: ",
      why: "the schema has the format too; the first one says to use a newer program",
    },
  },
  {
    file: RULES,
    site: "is listed twice",
    mutation: "an entry that is listed and there twice",
    make: listedTwice,
    code: INVALID,
  },
  {
    file: RULES,
    site: "which is a file",
    mutation: "an entry below another one that is a file",
    make: () =>
      archiveByHand("etcd", {
        more: [{ entry: { path: `${CONFIG}/below`, kind: "helm" }, bytes: new Uint8Array(1) }],
      }),
    code: INVALID,
  },
  {
    file: RULES,
    site: "must name the one entry of kind datastore",
    mutation: "a second datastore",
    make: twice("datastore", "datastore/etcd-snapshot.db"),
    code: INVALID,
  },
  {
    file: RULES,
    site: "must hold the one server token",
    mutation: "a second server token",
    make: twice("token", "k3s/token"),
    code: INVALID,
  },
  {
    file: RULES,
    site: "must not hold two agent tokens",
    mutation: "a second agent token",
    make: twice("agent-token", "k3s/agent-token"),
    code: INVALID,
  },
  schemaRow("v.minValue(0));", "v.minValue(-1));", {
    mutation: "an owner with a number below 0",
    make: entryTold({ uid: -1 }),
  }),
  schemaRow(
    "const count = v.pipe(v.number(), v.safeInteger(),",
    "const count = v.pipe(v.number(),",
    {
      mutation: "an owner with a number that is not whole",
      make: entryTold({ uid: 1.5 }),
    },
  ),
  schemaRow("v.pipe(count, v.maxValue(0o7777))", "count", {
    mutation: "permissions that are none",
    make: entryTold({ mode: 0o17777 }),
  }),
  schemaRow(`v.regex(/^[0-9a-f]{64}$/, "must be 64 hex digits")`, "v.nonEmpty()", {
    mutation: "a digest that is none",
    make: told(() => ({ previous: { name: "x", sha256: "x" } })),
  }),
  schemaRow(
    `v.regex(/^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$/, "must be a UTC time like 2026-11-23T02:31:07Z"),`,
    "",
    {
      mutation: "a time that is not UTC",
      make: told(() => ({ created: "2026-11-23T02:31:07+01:00" })),
    },
  ),
  schemaRow(`v.check((text) => !Number.isNaN(Date.parse(text)), "is no such time"),`, "", {
    mutation: "a time that is none",
    make: told(() => ({ created: "2026-13-23T02:31:07Z" })),
  }),
  schemaRow(
    `if (problem !== undefined) addIssue({ message: problem });
    else if`,
    "if",
    {
      mutation: "an entry that goes to ../..",
      make: () =>
        archiveByHand("etcd", {
          more: [{ entry: { path: "../../etc/x", kind: "helm" }, bytes: new Uint8Array(1) }],
        }),
      behind: {
        says: "TAR_NAME",
        why: "the tar's own name has the same rule, for readers of the tar alone",
      },
    },
  ),
  schemaRow("dataset.value === RUNBOOK_PATH || dataset.value === MANIFEST_PATH", "false", {
    mutation: "an entry with the name of the manifest",
    make: () =>
      archiveByHand("etcd", {
        more: [{ entry: { path: "manifest.json", kind: "helm" }, bytes: new Uint8Array(1) }],
      }),
  }),
  schemaRow(
    String.raw`path.startsWith("/") && !/(^|\/)\.\.?(\/|$)|\u0000/.test(path)`,
    "path.length > 0",
    {
      mutation: "a file that would be put back through ..",
      make: entryTold({ source: "/etc/rancher/../cron.d/x" }),
    },
  ),
  schemaRow("v.picklist(ENTRY_KINDS)", 'v.picklist(["secret", ...ENTRY_KINDS])', {
    mutation: "an entry of an unknown kind",
    make: entryTold({ kind: "secret" }),
  }),
  schemaRow(`v.regex(/^[0-9a-f]{8}$/, "must be 8 hex digits")`, "v.nonEmpty()", {
    mutation: "an id that is none",
    make: told(() => ({ id: "../../x" })),
  }),
  schemaRow(`v.regex(/^[0-9a-f]{12}$/, "must be 12 hex digits")`, "v.nonEmpty()", {
    mutation: "a token hash that is none",
    make: told(() => ({ tokenHash: "x" })),
    behind: { says: "TOKEN_MISMATCH", why: "no token has it; the schema says it of the manifest" },
  }),
  schemaRow(`v.picklist(["etcd", "sqlite"])`, "v.string()", {
    mutation: "a datastore of an unknown kind",
    make: told(({ datastore }) => ({ datastore: { ...datastore, kind: "mysql" } })),
  }),
  schemaRow(`v.minLength(1, "must name at least one recipient")`, "v.minLength(0)", {
    mutation: "an archive for nobody",
    make: told(() => ({ recipients: [] })),
  }),
  schemaRow("const name = v.pipe(v.string(), v.nonEmpty());", "const name = v.string();", {
    mutation: "a node without a name",
    make: told(({ host }) => ({ host: { ...host, nodeName: "" } })),
  }),
];
