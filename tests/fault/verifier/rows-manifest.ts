/** The rules of the manifest, and those of the tar around it. */
import { checksum } from "../../../src/archive/tar-header.ts";
import { END, join, member, put } from "../../helpers/tar.ts";
import { archiveByHand, archiveOfTar, contentOf, partsOf } from "./build.ts";
import type { Entry, Manifest } from "../../../src/archive/manifest.ts";
import type { Content } from "./build.ts";
import type { Made, Row } from "./row.ts";

const INVALID = "MANIFEST_INVALID";
const SCHEMA = "archive/manifest-schema.ts";
const RULES = "archive/manifest.ts";
const CONFIG = "files/etc/rancher/k3s/config.yaml";

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
  schemaRow('v.picklist([\n    "agent-token",', 'v.picklist([\n    "secret", "agent-token",', {
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

/** The tar of a whole archive with config.yaml's member changed. */
async function tarWith(change: (one: Uint8Array, content: Content) => Uint8Array): Promise<Made> {
  const content = await contentOf("etcd");
  const at = content.manifest.entries.findIndex(({ path }) => path === CONFIG) + 2;
  const parts = partsOf(content);
  parts[at] = change(parts[at] ?? END, content);
  return archiveOfTar(content, ...parts);
}

/** Its header changed, and its checksum made right again. */
const header =
  (edit: (block: Uint8Array) => void): (() => Promise<Made>) =>
  () =>
    tarWith((one) => {
      const copy = one.slice();
      edit(copy);
      put(copy, 148, `${checksum(copy.subarray(0, 512)).toString(8).padStart(6, "0")}\0 `);
      return copy;
    });

/** A pax header with these records before it. */
const pax =
  (records: string, size = records.length): (() => Promise<Made>) =>
  () =>
    tarWith((one) =>
      join(
        member("pax", records.padEnd(size, "\0"), (block) => put(block, 156, "x")),
        one,
      ),
    );

const record = (text: string): string => {
  const digits = String(text.length + 2).length;
  return `${text.length + digits + 2} ${text}\n`;
};

const whole =
  (change: (parts: Uint8Array[]) => Uint8Array[]): (() => Promise<Made>) =>
  async () => {
    const content = await contentOf("etcd");
    return archiveOfTar(content, ...change(partsOf(content)));
  };

const HEADER = "archive/tar-header.ts";
const READ = "archive/tar-read.ts";
const PAX = "archive/tar-pax.ts";
const CUT = { says: "TAR_CUT", why: "what is missing is missing at the next read too" };

export const TAR_ROWS: readonly Row[] = [
  {
    file: HEADER,
    site: "TAR_CHECKSUM",
    mutation: "a tar header with a wrong checksum",
    make: () => tarWith((one) => one.map((byte, at) => (at === 120 ? byte ^ 1 : byte))),
    code: "TAR_CHECKSUM",
  },
  {
    file: HEADER,
    site: "is not of the ustar format",
    mutation: "a header in GNU's format",
    make: header((block) => put(block, 257, "ustar  \0")),
    code: "TAR_HEADER",
  },
  {
    file: HEADER,
    site: "is a link",
    mutation: "a file that also names a target",
    make: header((block) => put(block, 157, "/etc/shadow")),
    code: "TAR_TYPE",
  },
  {
    file: HEADER,
    site: "in the archive ${problem}",
    mutation: "a member that goes to ../..",
    make: header((block) => put(block, 0, "../../etc/x\0".padEnd(100, "\0"))),
    code: "TAR_NAME",
    behind: {
      says: "ENTRY_UNLISTED",
      why: "the manifest has the same rule for the names it lists",
    },
  },
  {
    file: HEADER,
    site: "only regular files belong there",
    off: [
      [
        '  throw refused("TAR_TYPE", `the archive holds ${kind}',
        '  return "file"; refused("TAR_TYPE", `the archive holds ${kind}',
      ],
    ],
    mutation: "a member that is a symbolic link",
    make: header((block) => put(block, 156, "2")),
    code: "TAR_TYPE",
  },
  {
    file: HEADER,
    site: "goes on after a NUL byte",
    mutation: "a second name hidden behind the first one's end",
    make: header((block) => put(block, 90, "x")),
    code: "TAR_NAME",
  },
  {
    file: HEADER,
    site: "is not an octal number",
    off: [
      [
        '  throw refused("TAR_HEADER", `a tar header\'s ${field.what}',
        '  return 0; refused("TAR_HEADER", `a tar header\'s ${field.what}',
      ],
    ],
    mutation: "a time that is no number",
    make: header((block) => put(block, 136, "never")),
    code: "TAR_HEADER",
  },
  {
    file: READ,
    site: "throw cut(current)",
    mutation: "a tar that ends inside an entry",
    make: whole((parts) => [...parts.slice(0, -2), (parts.at(-2) ?? END).slice(0, -4096)]),
    code: "TAR_CUT",
    behind: {
      says: "crashed",
      why: "nothing can be read on; without it the reader would only trip over that",
    },
  },
  {
    file: READ,
    site: "a pax header is too large",
    mutation: "a pax header of 100 kB",
    make: pax(record(`comment=${"x".repeat(100_000)}`)),
    code: "TAR_HEADER",
  },
  {
    file: READ,
    site: "if (records.length < pax.size)",
    mutation: "a tar that ends inside a pax header",
    make: whole((parts) => [
      ...parts.slice(0, -1),
      member("pax", "x".repeat(900), (block) => put(block, 156, "x")).slice(0, 700),
    ]),
    code: "TAR_CUT",
    behind: { says: "TAR_CUT", why: CUT.why },
  },
  {
    file: READ,
    site: "is not followed by its file",
    off: [
      [
        'if (header?.type !== "file") {\n    throw refused("TAR_HEADER", "a pax header is not followed by its file");\n  }\n  return applyPax(header, records);',
        'return header?.type === "pax" ? readPaxMember(source, header) : applyPax(header, records);',
      ],
    ],
    mutation: "two pax headers one after the other",
    make: () => {
      const one = member("pax", record("comment=x"), (block) => put(block, 156, "x"));
      return tarWith((config) => join(one, one, config));
    },
    code: "TAR_HEADER",
  },
  {
    file: READ,
    site: "ends without tar's end mark",
    off: [
      [
        '    throw refused("TAR_NO_END", "the archive ends without tar\'s end mark");',
        "    return undefined;",
      ],
    ],
    mutation: "a tar without its end mark",
    make: whole((parts) => parts.slice(0, -1)),
    code: "TAR_NO_END",
  },
  {
    file: READ,
    site: "if (block.length < BLOCK)",
    off: [
      [
        "if (block.length < BLOCK) throw cut(undefined);",
        "if (block.length < BLOCK) return undefined;",
      ],
    ],
    mutation: "a tar that ends inside a header",
    make: whole((parts) => [...parts.slice(0, -1), new Uint8Array(100)]),
    code: "TAR_CUT",
  },
  {
    file: READ,
    site: "in the middle of tar's end mark",
    mutation: "a tar with half an end mark",
    make: whole((parts) => [...parts.slice(0, -1), new Uint8Array(512)]),
    code: "TAR_NO_END",
  },
  {
    file: READ,
    site: "if (!isZero(second))",
    mutation: "something in the second block of the end mark",
    make: whole((parts) => [
      ...parts.slice(0, -1),
      new Uint8Array(512),
      new Uint8Array(512).fill(1),
    ]),
    code: "TAR_TRAILING",
  },
  {
    file: READ,
    site: "seen > LARGEST_PADDING",
    mutation: "another file behind the end of the archive",
    make: whole((parts) => [...parts, member("etc/cron.d/x", "x")]),
    code: "TAR_TRAILING",
  },
  {
    file: READ,
    site: "if (padding.length < length)",
    mutation: "a tar that ends in the padding of its last file",
    make: whole((parts) => [
      ...parts.slice(0, -1).slice(0, -1),
      (parts.at(-2) ?? END).slice(0, -10),
    ]),
    code: "TAR_CUT",
    behind: {
      says: "TAR_NO_END",
      why: "it is without an end too; the first one says inside which file",
    },
  },
  {
    file: READ,
    site: "TAR_PADDING",
    mutation: "bytes hidden behind a file",
    make: () => tarWith((one) => one.map((byte, at) => (at === one.length - 1 ? 1 : byte))),
    code: "TAR_PADDING",
  },
  {
    file: PAX,
    site: "twice",
    mutation: "a pax header with two paths",
    make: pax(record(`path=x`) + record(`path=${CONFIG}`)),
    code: "TAR_HEADER",
  },
  {
    file: PAX,
    site: "has a record",
    mutation: "a pax header that makes the file a link",
    make: pax(record("linkpath=/etc/shadow")),
    code: "TAR_HEADER",
  },
  {
    file: PAX,
    site: "is malformed",
    off: [
      [
        '    if (!complete) throw refused("TAR_HEADER", "a pax header is malformed");',
        "    if (!complete) return;",
      ],
    ],
    mutation: "a pax header of rubbish",
    make: pax("rubbish"),
    code: "TAR_HEADER",
  },
  {
    file: PAX,
    site: "size is not a number",
    off: [
      ['  throw refused("TAR_HEADER", "a pax header\'s size is not a number");', "  return 97;"],
    ],
    mutation: "a pax header with a size that is no number",
    make: pax(record("size=many")),
    code: "TAR_HEADER",
  },
];
