import { describe, expect, test } from "bun:test";
import { serializeManifest } from "../../../src/archive/manifest.ts";
import { openArchive, openArchiveTar, readHead } from "../../../src/archive/reader.ts";
import { archiveTar } from "../../../src/archive/writer.ts";
import {
  collect,
  makeTestArchive,
  makeTestContent,
  noise,
  sealTar,
  streamOf,
  testKeys,
} from "../../helpers/archive.ts";
import { failureOf } from "../../helpers/errors.ts";
import { END, join, member, put } from "../../helpers/tar.ts";
import type { OpenArchive } from "../../../src/archive/reader.ts";

const content = await makeTestContent();
const { manifest, runbook } = content;
const archive = await makeTestArchive();
const { identity } = await testKeys();

const RUNBOOK = member("RUNBOOK.md", runbook);
const MANIFEST = member("manifest.json", serializeManifest(manifest));
const ENTRIES = await Promise.all(
  content.entries.map(async ({ entry, open }) => member(entry.path, await collect(open()))),
);
const [first = END, second = END, third = END, ...last] = ENTRIES;

/** Reads an archive as a careless caller would: every body, then the end. */
async function readAll(opened: OpenArchive): Promise<string[]> {
  const paths: string[] = [];
  for await (const { entry, body } of opened.entries()) {
    await collect(body);
    paths.push(entry.path);
  }
  await opened.finish();
  return paths;
}

function changed(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** The content of a member with its first byte changed. */
function otherContent(bytes: Uint8Array): Uint8Array {
  return changed(bytes, 512);
}

const LINK = member("config/config.yaml", "", (block) => {
  put(block, 156, "2");
  put(block, 157, "/etc/shadow");
});
const BAD_CHECKSUM = changed(first, 100);

const BROKEN: readonly (readonly [what: string, tar: Uint8Array, code: string])[] = [
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

describe("openArchive()", () => {
  test("reads what the writer wrote, entry by entry", async () => {
    const opened = await openArchive(streamOf(archive.bytes), [identity]);
    expect(opened.runbook).toBe(archive.runbook);
    expect(opened.manifest).toEqual(archive.manifest);
    for await (const { entry, body } of opened.entries()) {
      expect((await collect(body)).length).toBe(entry.size);
    }
    await opened.finish();
  });

  test("reads a tar put together by hand in the same order", async () => {
    const tar = join(RUNBOOK, MANIFEST, ...ENTRIES, END);
    expect(await collect(archiveTar(content))).toHaveLength(tar.length);
    const paths = await readAll(await openArchiveTar(streamOf(tar)));
    expect(paths).toEqual(manifest.entries.map(({ path }) => path));
  });

  for (const [what, tar, code] of BROKEN) {
    test(`refuses an archive ${what}, read with care or skipped over`, async () => {
      const read = await failureOf(async () => readAll(await openArchiveTar(streamOf(tar))));
      expect([read.code, read.exit]).toEqual([code, "verifyFailed"]);
      const bytes = await sealTar(tar);
      const skipped = await failureOf(async () => {
        const opened = await openArchive(streamOf(bytes), [identity]);
        await opened.finish();
      });
      expect(skipped.code).toBe(code);
    });
  }

  test("leaves the hash, but not the size, of an entry to a caller who asks for it", async () => {
    const hashedByCaller = ({ kind }: { readonly kind: string }): boolean => kind === "config";
    const read = async (entry: Uint8Array): Promise<string[]> => {
      const tar = join(RUNBOOK, MANIFEST, entry, ...ENTRIES.slice(1), END);
      return readAll(await openArchiveTar(streamOf(tar), { hashedByCaller }));
    };
    expect(await read(otherContent(first))).toHaveLength(ENTRIES.length);
    for (const content of ["x", "x".repeat(999)]) {
      const error = await failureOf(() => read(member("config/config.yaml", content)));
      expect(error.code).toBe("ENTRY_SIZE");
    }
  });

  test("goes on failing after a failure, so that nobody takes the end for a good one", async () => {
    const tar = join(RUNBOOK, MANIFEST, otherContent(first), ...ENTRIES.slice(1), END);
    const opened = await openArchiveTar(streamOf(tar));
    for (let round = 0; round < 3; round += 1) {
      expect((await failureOf(() => opened.finish())).code).toBe("ENTRY_HASH");
    }
  });

  test("may be finished twice, and after all entries were read", async () => {
    const opened = await openArchive(streamOf(archive.bytes), [identity]);
    await readAll(opened);
    await opened.finish();
  });

  test("checks what a caller left half-read", async () => {
    const tar = join(RUNBOOK, MANIFEST, otherContent(first), ...ENTRIES.slice(1), END);
    const opened = await openArchiveTar(streamOf(tar));
    for await (const { body } of opened.entries()) {
      await body.cancel();
      break;
    }
    expect((await failureOf(() => opened.finish())).code).toBe("ENTRY_HASH");
  });

  test("refuses a cut, a flip and a second archive behind the first", async () => {
    const read = async (bytes: Uint8Array) =>
      readAll(await openArchive(streamOf(bytes), [identity]));
    const { bytes } = archive;
    const wrong = [
      bytes.subarray(0, bytes.length - 1),
      bytes.subarray(0, 100),
      new Uint8Array(0),
      changed(bytes, bytes.length - 1),
      changed(bytes, bytes.length >> 1),
      join(bytes, bytes),
      join(bytes, new Uint8Array(1)),
    ];
    for (const one of wrong) {
      expect((await failureOf(() => read(one))).exit).toBe("verifyFailed");
    }
  });

  test("says `key` when no identity opens it", async () => {
    const { generateIdentity } = await import("age-encryption");
    const other = await generateIdentity();
    const error = await failureOf(() => openArchive(streamOf(archive.bytes), [other]));
    expect(error.exit).toBe("key");
  });

  test("lets go of its input as soon as it refuses", async () => {
    const bytes = await sealTar(join(member("hello", noise(8)), END));
    const source = watched(bytes);
    expect((await failureOf(() => openArchive(source.stream, [identity]))).code).toBe(
      "NOT_AN_ARCHIVE",
    );
    expect(source.seen()).toEqual({ cancelled: true, all: false });
  });
});

describe("readHead()", () => {
  test("reads a small part of a large archive and lets go of the rest", async () => {
    const { bytes } = await makeTestArchive({ datastore: noise(16) });
    const source = watched(bytes);
    const head = await readHead(source.stream, [identity]);
    expect(head.manifest.entries.length).toBeGreaterThan(0);
    expect(source.seen()).toEqual({ cancelled: true, all: false });
  });
});

/** A source that is read on demand and knows what became of it. */
function watched(bytes: Uint8Array): {
  readonly stream: ReadableStream<Uint8Array>;
  seen(): { readonly cancelled: boolean; readonly all: boolean };
} {
  let at = 0;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        controller.enqueue(bytes.slice(at, at + 65_536));
        at += 65_536;
        if (at >= bytes.length) controller.close();
      },
      cancel: () => void (cancelled = true),
    },
    { highWaterMark: 0 },
  );
  return { stream, seen: () => ({ cancelled, all: at >= bytes.length }) };
}
