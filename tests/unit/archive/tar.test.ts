import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import fc from "fast-check";
import { pathProblem } from "../../../src/archive/tar-path.ts";
import { readTar } from "../../../src/archive/tar-read.ts";
import { tarStream } from "../../../src/archive/tar-write.ts";
import { encodeHeader } from "../../../src/archive/tar-encode.ts";
import { collect, streamOf } from "../../helpers/archive.ts";
import { failureOf } from "../../helpers/errors.ts";
import { END, join, member, run } from "../../helpers/tar.ts";

interface File {
  readonly path: string;
  readonly mode: number;
  readonly bytes: Uint8Array;
}

const MTIME = 1_795_401_067; // 2026-11-23T02:31:07Z

function ours(files: readonly File[]): ReadableStream<Uint8Array> {
  return tarStream(
    files.map(({ path, mode, bytes }) => ({
      path,
      mode,
      mtime: MTIME,
      size: bytes.length,
      open: () => streamOf(bytes, 1000),
    })),
  );
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<File[]> {
  const tar = readTar(stream);
  const files: File[] = [];
  for (;;) {
    const header = await tar.next();
    if (header === undefined) return files;
    const pieces: Uint8Array[] = [];
    for (let piece = await tar.read(); piece !== undefined; piece = await tar.read()) {
      pieces.push(piece);
    }
    const { path, mode } = header;
    files.push({ path, mode, bytes: new Uint8Array(Buffer.concat(pieces)) });
  }
}

function inFolder<T>(action: (folder: string) => T): T {
  const folder = mkdtempSync(joinPath(tmpdir(), "tar-test-"));
  try {
    return action(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Lengths around a block and a piece; names at the limits of name, prefix and pax; modes of every kind. */
const FILES: readonly File[] = [
  { path: "RUNBOOK.md", mode: 0o600, bytes: new Uint8Array(0) },
  { path: "a/one", mode: 0o755, bytes: new Uint8Array([7]) },
  { path: "a/block", mode: 0o644, bytes: new Uint8Array(512).fill(1) },
  { path: "a/more", mode: 0o400, bytes: new Uint8Array(513).fill(2) },
  { path: "ünï/ço dé", mode: 0o600, bytes: new Uint8Array(100_000).fill(3) },
  { path: "n".repeat(100), mode: 0o600, bytes: new Uint8Array(9).fill(4) },
  { path: `${"p".repeat(100)}/${"n".repeat(100)}`, mode: 0o600, bytes: new Uint8Array(9).fill(5) },
  { path: `${"x".repeat(101)}`, mode: 0o600, bytes: new Uint8Array(9).fill(6) },
  {
    path: `${"d".repeat(150)}/${"e".repeat(150)}/${"ü".repeat(60)}`,
    mode: 0o600,
    bytes: new Uint8Array(2000).fill(7),
  },
];

describe("tarStream()", () => {
  test("is read by GNU tar: names, modes, owner, time and every byte", async () => {
    const bytes = await collect(ours(FILES));
    inFolder((folder) => {
      run(["tar", "x", "-p", "-C", folder], bytes);
      for (const file of FILES) {
        const path = joinPath(folder, file.path);
        expect(readFileSync(path).equals(file.bytes)).toBe(true);
        const info = statSync(path);
        expect([file.path, info.mode & 0o7777, info.mtimeMs / 1000]).toEqual([
          file.path,
          file.mode,
          MTIME,
        ]);
      }
    });
    const listing = new TextDecoder().decode(run(["tar", "tv", "--numeric-owner"], bytes));
    expect(listing.split("\n").filter((line) => line.includes(" 0/0 "))).toHaveLength(FILES.length);
  });

  test("gives the same bytes each time", async () => {
    expect(await collect(ours(FILES))).toEqual(await collect(ours(FILES)));
  });

  test("is what GNU tar writes for plain names, byte for byte", async () => {
    const plain = FILES.filter(({ path }) => /^[a-zA-Z./]{1,99}$/.test(path));
    const theirs = inFolder((folder) => {
      mkdirSync(joinPath(folder, "a"));
      for (const { path, mode, bytes } of plain) {
        writeFileSync(joinPath(folder, path), bytes, { mode });
      }
      const flags = ["--format=ustar", "--owner=root:0", "--group=root:0", `--mtime=@${MTIME}`];
      return run(
        ["tar", "c", "-b1", ...flags, ...plain.map(({ path }) => path)],
        undefined,
        folder,
      );
    });
    expect(await collect(ours(plain))).toEqual(theirs);
  });

  test("tells GNU tar the size of files of 8 GiB and more", () => {
    const size = 9 * 2 ** 30;
    const header = encodeHeader({ path: "big", size, mode: 0o600, mtime: MTIME });
    // The bytes themselves are missing, so tar fails after it has listed the header.
    const listing = run(["sh", "-c", "tar tv 2>/dev/null || true"], header);
    expect(new TextDecoder().decode(listing)).toContain(` ${size} `);
  });

  test("errors, so that no end is written, when a member has another size than it said", async () => {
    for (const size of [4, 6]) {
      const open = () => streamOf(new Uint8Array(5));
      const stream = tarStream([{ path: "a", size, mode: 0o600, mtime: 0, open }]);
      await expect(collect(stream)).rejects.toThrow("its size changed");
    }
  });

  test("refuses names that its reader would refuse", async () => {
    const open = () => streamOf(new Uint8Array(0));
    const stream = tarStream([{ path: "../a", size: 0, mode: 0o600, mtime: 0, open }]);
    await expect(collect(stream)).rejects.toThrow("cannot archive");
  });

  test("lets go of an open member when the consumer leaves", async () => {
    let cancelled = false;
    const open = () =>
      new ReadableStream<Uint8Array>({
        pull: (controller) => controller.enqueue(new Uint8Array(10)),
        cancel: () => void (cancelled = true),
      });
    const reader = tarStream([{ path: "a", size: 1000, mode: 0o600, mtime: 0, open }]).getReader();
    await reader.read();
    await reader.read();
    await reader.cancel();
    expect(cancelled).toBe(true);
  });
});

describe("readTar()", () => {
  test("reads what tarStream() writes, in pieces of any size", async () => {
    const bytes = await collect(ours(FILES));
    for (const size of [7, 511, 512, 513, 65_536, bytes.length]) {
      expect(await readAll(streamOf(bytes, size))).toEqual([...FILES]);
    }
  });

  for (const format of ["ustar", "pax"]) {
    test(`reads GNU tar's ${format} archives`, async () => {
      const files = FILES.filter(({ path }) => format === "pax" || path.length <= 100);
      const theirs = inFolder((folder) => {
        for (const { path, mode, bytes } of files) {
          mkdirSync(joinPath(folder, path, ".."), { recursive: true });
          writeFileSync(joinPath(folder, path), bytes, { mode });
        }
        const names = files.map(({ path }) => path);
        return run(["tar", "c", `--format=${format}`, ...names], undefined, folder);
      });
      expect(await readAll(streamOf(theirs))).toEqual([...files]);
    });
  }

  test("skips what is not read of a member", async () => {
    const bytes = await collect(ours(FILES));
    const tar = readTar(streamOf(bytes, 700));
    const paths: string[] = [];
    for (let header = await tar.next(); header !== undefined; header = await tar.next()) {
      paths.push(header.path);
      if (paths.length % 2 === 0) await tar.read();
    }
    expect(paths).toEqual(FILES.map(({ path }) => path));
  });

  test("pulls nothing before it is asked, and never more than it needs", async () => {
    const bytes = await collect(
      ours([{ path: "a", mode: 0o600, bytes: new Uint8Array(1_000_000) }]),
    );
    let pulled = 0;
    const source = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          controller.enqueue(bytes.slice(pulled * 512, (pulled + 1) * 512));
          pulled += 1;
        },
      },
      { highWaterMark: 0 },
    );
    const tar = readTar(source);
    expect(pulled).toBe(0);
    await tar.next();
    expect(pulled).toBe(1);
    await tar.read();
    await tar.read();
    expect(pulled).toBe(3);
  });

  test("takes padding of zeros after the end, as GNU tar writes it, but not without bound", async () => {
    const one = member("a", "x");
    expect(await readAll(streamOf(join(one, END, new Uint8Array(9_216))))).toHaveLength(1);
    const error = await failureOf(() => readAll(streamOf(join(one, END, new Uint8Array(2 ** 21)))));
    expect(error.code).toBe("TAR_TRAILING");
  });
});

describe("pathProblem()", () => {
  test("lets through exactly the paths that stay below a folder", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("a", "b", ".", "..", "", "/", "\\", "\u0000", "ü")),
        (parts) => {
          const path = parts.join("");
          const resolved = new URL(
            `file:///root/${encodeURIComponent(path).replaceAll("%2F", "/")}`,
          );
          if (pathProblem(path) !== undefined) return;
          expect(decodeURIComponent(resolved.pathname)).toBe(`/root/${path}`);
        },
      ),
    );
  });
});
