import { describe, expect, test } from "bun:test";
import { openArchive, openArchiveTar, readHead } from "../../../src/archive/reader.ts";
import { archiveTar } from "../../../src/archive/writer.ts";
import {
  collect,
  makeTestArchive,
  noise,
  sealTar,
  streamOf,
  testKeys,
} from "../../helpers/archive.ts";
import { failureOf } from "../../helpers/errors.ts";
import { END, join, member } from "../../helpers/tar.ts";
import type { OpenArchive } from "../../../src/archive/reader.ts";
import {
  content,
  manifest,
  RUNBOOK,
  MANIFEST,
  ENTRIES,
  first,
  changed,
  otherContent,
  BROKEN,
} from "./broken-archives.ts";

const archive = await makeTestArchive();

const { identity } = await testKeys();

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
