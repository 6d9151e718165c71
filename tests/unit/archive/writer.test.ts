import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archiveStream, archiveTar } from "../../../src/archive/writer.ts";
import { openArchive } from "../../../src/archive/reader.ts";
import {
  collect,
  DATASTORE_PATH,
  fixtureSnapshot,
  makeTestArchive,
  makeTestContent,
  noise,
  streamOf,
  testKeys,
} from "../../helpers/archive.ts";
import { failureOf } from "../../helpers/errors.ts";
import { run } from "../../helpers/tar.ts";
import type { ArchiveContent } from "../../../src/archive/writer.ts";

const { recipient, identity } = await testKeys();
const recipients = [recipient];

/** The content with another stream behind its first entry. */
function withFirst(
  content: ArchiveContent,
  open: () => ReadableStream<Uint8Array>,
): ArchiveContent {
  const [first, ...rest] = content.entries;
  if (first === undefined) throw new Error("the test content is empty");
  return { ...content, entries: [{ ...first, open }, ...rest] };
}

describe("archiveStream()", () => {
  test("makes a file that stock age, zstd and tar open, in the promised order", async () => {
    const archive = await makeTestArchive();
    const folder = mkdtempSync(join(tmpdir(), "writer-test-"));
    try {
      writeFileSync(join(folder, "key"), `${identity}\n`, { mode: 0o600 });
      writeFileSync(join(folder, "archive"), archive.bytes);
      const lab = `${import.meta.dirname}/../../../.lab/bin/age`;
      for (const age of ["age", ...(existsSync(lab) ? [lab] : [])]) {
        const tar = run(
          ["zstd", "-d"],
          run([age, "-d", "-i", "key", "archive"], undefined, folder),
        );
        const names = new TextDecoder()
          .decode(run(["tar", "t"], tar))
          .trim()
          .split("\n");
        const listed = archive.manifest.entries.map(({ path }) => path);
        expect(names).toEqual(["RUNBOOK.md", "manifest.json", ...listed]);
        expect(run(["tar", "x", "-O", DATASTORE_PATH], tar)).toEqual(fixtureSnapshot().bytes);
        expect(run(["tar", "x", "-O", "RUNBOOK.md"], tar)).toEqual(
          new TextEncoder().encode(archive.runbook),
        );
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("errors before the end when an entry's bytes are others than hashed", async () => {
    const content = await makeTestContent();
    const size = content.entries[0]?.entry.size ?? 0;
    for (const length of [size, size - 1, size + 1, 0]) {
      const wrong = withFirst(content, () => streamOf(new Uint8Array(length)));
      const error = await failureOf(async () =>
        collect(await archiveStream({ ...wrong, recipients })),
      );
      expect([error.code, error.exit]).toEqual(["ENTRY_CHANGED", "error"]);
      expect(error.message).toContain("/etc/rancher/k3s/config.yaml");
    }
  });

  test("leaves nothing that decrypts when an entry fails", async () => {
    const content = await makeTestContent();
    const failing = withFirst(
      content,
      () =>
        new ReadableStream({
          pull: () => {
            throw new Error("disk gone");
          },
        }),
    );
    const written: Uint8Array[] = [];
    const stream = await archiveStream({ ...failing, recipients });
    const copy = async (): Promise<void> => {
      for await (const piece of stream) written.push(piece.slice());
    };
    await expect(copy()).rejects.toThrow("disk gone");
    const left = new Uint8Array(Buffer.concat(written));
    const reading = async (): Promise<void> =>
      (await openArchive(streamOf(left), [identity])).finish();
    expect((await failureOf(reading)).exit).toBe("verifyFailed");
  });

  test("refuses to write for nobody", async () => {
    const content = await makeTestContent();
    expect((await failureOf(() => archiveStream({ ...content, recipients: [] }))).exit).toBe("key");
  });

  test("opens each entry only when its turn comes, and closes it before the next", async () => {
    const content = await makeTestContent();
    let open = 0;
    let most = 0;
    const entries = content.entries.map((source) => ({
      ...source,
      open() {
        open += 1;
        most = Math.max(most, open);
        return source.open().pipeThrough(
          new TransformStream({
            flush: () => void (open -= 1),
          }),
        );
      },
    }));
    await collect(archiveTar({ ...content, entries }));
    expect([open, most]).toEqual([0, 1]);
  });

  test("reads its input no faster than its output is taken", async () => {
    const datastore = noise(32);
    const content = await makeTestContent({ datastore });
    let read = 0;
    const entries = content.entries.map((source) => ({
      ...source,
      open: () =>
        source.open().pipeThrough(
          new TransformStream<Uint8Array, Uint8Array>({
            transform(chunk, controller) {
              read += chunk.length;
              controller.enqueue(chunk);
            },
          }),
        ),
    }));
    const reader = (await archiveStream({ ...content, entries, recipients })).getReader();
    let taken = 0;
    let ahead = 0;
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      taken += next.value.length;
      ahead = Math.max(ahead, read - taken);
      // Whoever reads ahead gets the time to do so.
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(read).toBeGreaterThan(datastore.length);
    // Frames and chunks in flight of all three stages, however large the archive is.
    expect(ahead).toBeLessThan(datastore.length / 2);
  });
});

describe("archiveTar()", () => {
  test("refuses entries that are not the manifest's, or a datastore that is not last", async () => {
    const content = await makeTestContent();
    expect(() => archiveTar({ ...content, entries: content.entries.slice(1) })).toThrow(
      "cannot archive",
    );
    expect(() => archiveTar({ ...content, entries: content.entries.toReversed() })).toThrow(
      "cannot archive",
    );
    const manifest = { ...content.manifest, entries: content.manifest.entries.toReversed() };
    const entries = content.entries.toReversed();
    expect(() => archiveTar({ ...content, manifest, entries })).toThrow("datastore before");
  });

  test("gives the same bytes each time", async () => {
    const content = await makeTestContent();
    expect(await collect(archiveTar(content))).toEqual(await collect(archiveTar(content)));
  });
});
