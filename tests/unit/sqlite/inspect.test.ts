/** What inspectSqlite() says of kine's own databases, and what it refuses. */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { bootstrapFile, tokenHash } from "../../../src/datastore/bootstrap.ts";
import { OperatorError } from "../../../src/errors.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import {
  expected,
  fixture,
  inspectBytes,
  inspectChanged,
  inspectFile,
  layOutLive,
  PASSWORD,
} from "./support.ts";

const KEY = `/bootstrap/${tokenHash(PASSWORD)}`;
const codeAfter = async (sql: string): Promise<string> =>
  (await failureOf(() => inspectChanged(sql, { password: PASSWORD }))).code;
const refusal = (bytes: Uint8Array): Promise<OperatorError> => failureOf(() => inspectBytes(bytes));

function changed(at: number, ...values: readonly number[]): Uint8Array {
  const bytes = fixture("copy.db");
  bytes.set(values, at);
  return bytes;
}

describe("facts", () => {
  test("revision and keys are what the kine that wrote the database says", async () => {
    const facts = await inspectBytes(fixture("copy.db"), { password: PASSWORD });
    expect(facts.revision).toBe(expected.revision);
    expect(facts.keys).toBe(expected.keys);
    expect(facts.registryKeys).toBe(expected.registryKeys);
    expect(facts.compactRevision).toBe(0);
    expect(facts.bootstrapHashes).toEqual([tokenHash(PASSWORD)]);
  });

  test("size, pages and hash are the file's", async () => {
    const bytes = fixture("copy.db");
    const facts = await inspectBytes(bytes);
    expect(facts.size).toBe(bytes.length);
    expect(facts.pages * facts.pageSize).toBe(bytes.length);
    expect(facts.sha256).toBe(createHash("sha256").update(bytes).digest("hex"));
    expect(facts.bootstrap).toBeUndefined();
  });

  test("the password opens the cluster's certificates and keys", async () => {
    const { bootstrap } = await inspectBytes(fixture("copy.db"), { password: PASSWORD });
    const ca = bootstrap === undefined ? undefined : bootstrapFile(bootstrap, "ServerCA");
    expect(new TextDecoder().decode(ca)).toContain("BEGIN CERTIFICATE");
  });

  test("progress runs to the file's size, and a signal ends it", async () => {
    const seen: number[] = [];
    const bytes = fixture("copy.db");
    await inspectBytes(bytes, { onProgress: (done, total) => seen.push(done / total) });
    expect(seen.at(-1)).toBe(1);
    const stopped = inspectBytes(bytes, { signal: AbortSignal.abort(new Error("stopped")) });
    await expect(stopped).rejects.toThrow("stopped");
  });

  test("updates, deletions and keys made again count once or not at all", async () => {
    const more = await inspectChanged(`
      INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease, value)
        VALUES ('/registry/a', 1, 0, 0, 0, 0, x'01'), ('/registry/a', 0, 0, 1, 1, 0, x'02'),
               ('/registry/b', 1, 0, 0, 0, 0, x'01'), ('/registry/b', 0, 1, 3, 3, 0, NULL),
               ('gap-99', 0, 1, 0, 0, 0, NULL)`);
    expect(more.keys).toBe(expected.keys + 1);
    expect(more.registryKeys).toBe(expected.registryKeys + 1);
    expect(more.revision).toBe(expected.revision + 5);
  });

  test("after a compaction the revision it went up to is known", async () => {
    const sql = "UPDATE kine SET prev_revision = 20 WHERE name = 'compact_rev_key'";
    expect((await inspectChanged(sql)).compactRevision).toBe(20);
  });
});

describe("damage", () => {
  test("a file that is no SQLite database, or empty, is refused", async () => {
    expect((await refusal(changed(0, 0x58))).code).toBe("DATABASE_NOT_SQLITE");
    expect((await refusal(new Uint8Array())).message).toContain("it is empty");
    expect((await refusal(fixture("copy.db").slice(0, 60))).code).toBe("DATABASE_CUT");
  });

  test("K3s's own file without its log is refused, though SQLite would open it", async () => {
    await withFolder(async (folder) => {
      writeFileSync(`${folder}/state.db`, fixture("live.db"));
      const { code, message } = await failureOf(() => inspectFile(`${folder}/state.db`));
      expect(code).toBe("DATABASE_NEEDS_LOG");
      expect(message).toContain("state.db-wal");
    });
  });

  test("K3s's own file beside its log is refused too: it is no copy", async () => {
    await withFolder(async (folder) => {
      const path = layOutLive(folder);
      expect((await failureOf(() => inspectFile(path))).code).toBe("DATABASE_NEEDS_LOG");
    });
  });

  test("a file that is cut or grown by any number of bytes is refused", async () => {
    const bytes = fixture("copy.db");
    for (const length of [100, 4096, bytes.length - 4096, bytes.length - 1]) {
      expect((await refusal(bytes.slice(0, length))).code).toBe("DATABASE_CUT");
    }
    const grown = new Uint8Array(bytes.length + 4096);
    grown.set(bytes);
    expect((await refusal(grown)).code).toBe("DATABASE_CUT");
  });

  test("a header that cannot be is refused", async () => {
    expect((await refusal(changed(16, 0x0f, 0xff))).code).toBe("DATABASE_DAMAGED");
    expect((await refusal(changed(27, 0xee))).message).toContain("written by halves");
    expect((await refusal(changed(44, 9, 9, 9, 9))).code).toBe("DATABASE_DAMAGED");
  });

  test("a page of another kind, or of rubbish, is refused by SQLite's own check", async () => {
    const bytes = fixture("copy.db");
    for (let page = 4096; page < bytes.length; page += 4096) {
      const one = fixture("copy.db");
      one.fill(0xff, page, page + 12);
      expect((await refusal(one)).code).toBe("DATABASE_DAMAGED");
    }
  });

  test("a row that an index does not know is refused", async () => {
    // A page of an index with its names changed is sound in itself; only the comparison finds it.
    const bytes = fixture("copy.db");
    const text = new TextDecoder("latin1").decode(bytes);
    const places = [...text.matchAll(/\/registry\/configmaps\/default\/map-3/g)].map(
      ({ index }) => index,
    );
    expect(places.length).toBeGreaterThan(2);
    for (const place of places) {
      const one = fixture("copy.db");
      one[place + 1] = 0x52; // "/Registry": sorts before all its neighbours
      expect((await refusal(one)).code).toBe("DATABASE_DAMAGED");
    }
  });

  test("any byte that changes gives a refusal or another hash, never a crash", async () => {
    const bytes = fixture("copy.db");
    const whole = await inspectBytes(bytes);
    const property = fc.asyncProperty(
      fc.nat(bytes.length - 1),
      fc.integer({ min: 1, max: 255 }),
      async (at, change) => {
        const one = bytes.slice();
        one[at] = (one[at] ?? 0) ^ change;
        try {
          expect((await inspectBytes(one)).sha256 === whole.sha256).toBe(false);
        } catch (error) {
          if (!(error instanceof OperatorError)) throw error;
          expect(error.exit).toBe("verifyFailed");
        }
      },
    );
    await fc.assert(property, { numRuns: 200 });
  });
});

describe("another program's database", () => {
  test("no table kine, a view of that name, a column less, rows not numbered by id", async () => {
    expect(await codeAfter("DROP TABLE kine")).toBe("DATABASE_NOT_KINE");
    expect(
      await codeAfter("ALTER TABLE kine RENAME TO other; CREATE VIEW kine AS SELECT * FROM other"),
    ).toBe("DATABASE_NOT_KINE");
    expect(await codeAfter("ALTER TABLE kine DROP COLUMN old_value")).toBe("DATABASE_NOT_KINE");
    expect(
      await codeAfter(
        "CREATE TABLE k2 AS SELECT * FROM kine; DROP TABLE kine; ALTER TABLE k2 RENAME TO kine",
      ),
    ).toBe("DATABASE_NOT_KINE");
  });

  test("rows that kine cannot have written", async () => {
    for (const sql of [
      "UPDATE kine SET name = NULL WHERE id = 9",
      "UPDATE kine SET name = x'2f61' WHERE id = 9",
      "UPDATE kine SET deleted = 'no' WHERE id = 9",
      "UPDATE kine SET created = NULL WHERE id = 9",
      "UPDATE kine SET prev_revision = 1.5 WHERE id = 9",
      "UPDATE kine SET id = -1 WHERE id = 9",
      "UPDATE kine SET id = 9223372036854775000 WHERE id = 9",
    ]) {
      expect(["DATABASE_NOT_KINE", "DATABASE_DAMAGED"]).toContain(await codeAfter(sql));
    }
  });

  test("a counter behind the newest row, or a compaction ahead of it", async () => {
    expect(await codeAfter("UPDATE sqlite_sequence SET seq = 7")).toBe("DATABASE_NOT_KINE");
    expect(await codeAfter("DELETE FROM sqlite_sequence")).toBe("DATABASE_NOT_KINE");
    expect(
      await codeAfter("UPDATE kine SET prev_revision = 4000 WHERE name = 'compact_rev_key'"),
    ).toBe("DATABASE_NOT_KINE");
  });
});

describe("bootstrap data", () => {
  test("none, deleted, of another token, empty, damaged: each has its code", async () => {
    const none = `DELETE FROM kine WHERE name LIKE '/bootstrap/%'`;
    expect(await codeAfter(none)).toBe("BOOTSTRAP_MISSING");
    const gone = `INSERT INTO kine (name, created, deleted, create_revision, prev_revision, lease) VALUES ('${KEY}', 0, 1, 2, 999, 0)`;
    expect(await codeAfter(gone)).toBe("BOOTSTRAP_MISSING");
    const other = `UPDATE kine SET name = '/bootstrap/0123456789ab' WHERE name = '${KEY}'`;
    expect(await codeAfter(other)).toBe("BOOTSTRAP_OTHER_TOKEN");
    const empty = `UPDATE kine SET value = NULL WHERE name = '${KEY}'`;
    expect(await codeAfter(empty)).toBe("BOOTSTRAP_DAMAGED");
    const cut = `UPDATE kine SET value = substr(value, 1, 400) WHERE name = '${KEY}'`;
    expect(await codeAfter(cut)).toBe("BOOTSTRAP_DAMAGED");
  });

  test("a wrong password says which token it would take, and never the password", async () => {
    const error = await failureOf(() => inspectBytes(fixture("copy.db"), { password: "hunter2" }));
    expect(error.code).toBe("BOOTSTRAP_OTHER_TOKEN");
    expect(error.message).toContain(tokenHash(PASSWORD));
    expect(error.message).not.toContain("hunter2");
  });

  test("without a password it is only counted", async () => {
    const facts = await inspectChanged(`UPDATE kine SET value = NULL WHERE name = '${KEY}'`);
    expect(facts.bootstrapHashes).toEqual([tokenHash(PASSWORD)]);
  });
});
