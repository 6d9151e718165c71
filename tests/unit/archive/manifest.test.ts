import { describe, expect, test } from "bun:test";
import { parseManifest, serializeManifest } from "../../../src/archive/manifest.ts";
import { makeTestContent } from "../../helpers/archive.ts";
import { failureOf } from "../../helpers/errors.ts";
import type { Manifest } from "../../../src/archive/manifest.ts";

const { manifest } = await makeTestContent();

function parse(value: unknown): Manifest {
  return parseManifest(new TextEncoder().encode(JSON.stringify(value)));
}

/** Manifests with one thing wrong, and what the message says of it. */
const [first, ...rest] = manifest.entries;
const WRONG: readonly (readonly [what: string, value: object, text: string])[] = [
  ["a missing field", { ...manifest, host: undefined }, "host:"],
  ["a wrong type deep inside", { ...manifest, k3s: { version: 5 } }, "k3s.version:"],
  ["an id that is none", { ...manifest, id: "7f3a" }, "id: must be 8 hex digits"],
  ["a local time", { ...manifest, created: "2026-11-23T02:31:07+01:00" }, "created:"],
  ["a day that does not exist", { ...manifest, created: "2026-11-33T02:31:07Z" }, "created:"],
  [
    "a canary that would be a query",
    { ...manifest, canaries: [{ path: "/api/v1/namespaces?watch=1", uid: "x" }] },
    "canaries.0.path: must be a path of the API",
  ],
  ["no recipients", { ...manifest, recipients: [] }, "recipients: must name at least one"],
  [
    "an unknown kind",
    { ...manifest, entries: [{ ...first, kind: "x" }, ...rest] },
    "entries.0.kind",
  ],
  [
    "a negative size",
    { ...manifest, entries: [{ ...first, size: -1 }, ...rest] },
    "entries.0.size",
  ],
  [
    "a hash in capitals",
    { ...manifest, entries: [{ ...first, sha256: "A".repeat(64) }, ...rest] },
    "entries.0.sha256",
  ],
  [
    "mode bits beyond permissions",
    { ...manifest, entries: [{ ...first, mode: 0o100600 }, ...rest] },
    "entries.0.mode",
  ],
  [
    "a path with ..",
    { ...manifest, entries: [{ ...first, path: "a/../b" }, ...rest] },
    'has a part ".."',
  ],
  [
    "an absolute path",
    { ...manifest, entries: [{ ...first, path: "/etc/passwd" }, ...rest] },
    "is absolute",
  ],
  [
    "a path with an empty part",
    { ...manifest, entries: [{ ...first, path: "a//b" }, ...rest] },
    "has an empty part",
  ],
  [
    "a path with a backslash",
    { ...manifest, entries: [{ ...first, path: "a\\b" }, ...rest] },
    "holds a backslash",
  ],
  [
    "a path with a NUL",
    { ...manifest, entries: [{ ...first, path: "a\u0000b" }, ...rest] },
    "holds a control character",
  ],
  [
    "the runbook's name",
    { ...manifest, entries: [{ ...first, path: "RUNBOOK.md" }, ...rest] },
    "keeps for itself",
  ],
  [
    "a relative source",
    { ...manifest, entries: [{ ...first, source: "etc/x" }, ...rest] },
    "entries.0.source",
  ],
  [
    "a source with ..",
    { ...manifest, entries: [{ ...first, source: "/etc/../x" }, ...rest] },
    "entries.0.source",
  ],
  [
    "a path listed twice",
    { ...manifest, entries: [...manifest.entries, first] },
    "is listed twice",
  ],
  [
    "a file below a file",
    { ...manifest, entries: [{ ...first, path: "server/token/x" }, ...rest] },
    "which is a file",
  ],
  [
    "a datastore entry that is not there",
    { ...manifest, datastore: { ...manifest.datastore, entry: "x" } },
    "datastore.entry",
  ],
  [
    "two datastores",
    { ...manifest, entries: [{ ...first, kind: "datastore" }, ...rest] },
    "datastore.entry",
  ],
  [
    "no token",
    { ...manifest, entries: manifest.entries.filter(({ kind }) => kind !== "token") },
    "server token",
  ],
  [
    "two tokens, of which a restore could take the wrong one",
    { ...manifest, entries: [{ ...first, kind: "token" }, ...rest] },
    "the one server token",
  ],
  [
    "two agent tokens",
    {
      ...manifest,
      entries: [
        { ...first, kind: "agent-token" },
        { ...first, path: "other", kind: "agent-token" },
        ...rest,
      ],
    },
    "two agent tokens",
  ],
];

describe("parseManifest()", () => {
  test("reads what serializeManifest() writes", () => {
    expect(parseManifest(serializeManifest(manifest))).toEqual(manifest);
  });

  test("keeps unknown fields, at any depth, and is not disturbed by them", () => {
    const value = { ...manifest, later: 1, host: { ...manifest.host, rack: "r1" } };
    expect(JSON.stringify(parse(value))).toContain('"rack":"r1"');
    expect(parse(value)).toEqual(value);
  });

  for (const [what, value, text] of WRONG) {
    test(`refuses ${what} and says where`, async () => {
      const error = await failureOf(() => parse(value));
      expect([error.code, error.exit]).toEqual(["MANIFEST_INVALID", "verifyFailed"]);
      expect(error.message).toContain(text);
    });
  }

  test("names every problem, the first five in full", async () => {
    const error = await failureOf(() => parse({ format: manifest.format }));
    expect(error.message).toContain("id:");
    expect(error.message).toContain("created:");
    expect(error.message).toMatch(/and \d+ more$/);
  });

  test("refuses what is not JSON without repeating it", async () => {
    const error = await failureOf(() => parseManifest(new TextEncoder().encode("{secret")));
    expect(error.code).toBe("MANIFEST_INVALID");
    expect(error.message).not.toContain("secret");
  });

  test("tells an archive of a newer format from a broken one, whatever else it holds", async () => {
    const error = await failureOf(() => parse({ format: "railiance.cluster-backup/2" }));
    expect([error.code, error.exit]).toEqual(["FORMAT_NEWER", "verifyFailed"]);
    expect(error.hint).toContain("newer railiance-cluster");
  });

  test("refuses other formats", async () => {
    for (const format of [
      "railiance.other/1",
      "railiance.cluster-backup/0",
      "railiance.cluster-backup/1x",
      1,
    ]) {
      expect((await failureOf(() => parse({ ...manifest, format }))).code).toBe("MANIFEST_INVALID");
    }
  });

  test("refuses more than 64 MiB before looking inside", async () => {
    const error = await failureOf(() => parseManifest(new Uint8Array(64 * 1024 * 1024 + 1)));
    expect(error.code).toBe("MANIFEST_TOO_LARGE");
  });
});

describe("serializeManifest()", () => {
  test("refuses to write what parseManifest() would refuse to read", async () => {
    const error = await failureOf(() => serializeManifest({ ...manifest, id: "" }));
    expect(error.code).toBe("MANIFEST_INVALID");
  });
});
