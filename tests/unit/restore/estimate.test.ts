/** How long a restore is said to take, and which journals count as measured. */
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "bun:test";
import { estimateText, lastMeasured, measuredIn } from "../../../src/app/estimate.ts";
import { STEPS } from "../../../src/app/journal.ts";
import { makeTestContent } from "../../helpers/archive.ts";
import { withFolder } from "../../helpers/folder.ts";

const { manifest } = await makeTestContent();
const MB = 1_000_000;

/** A journal as a restore leaves it: a step every three seconds. */
function journal(more: readonly object[] = [], datastore: unknown = { kind: "etcd", bytes: MB }) {
  const at = (index: number): string =>
    new Date(Date.UTC(2026, 10, 20, 2, 0, index * 3)).toISOString();
  const steps = STEPS.flatMap((step, index) => [
    { type: "begin", step, at: at(index) },
    ...(step === "finish" ? [] : [{ type: "done", step, at: at(index) }]),
  ]);
  const lines = [{ type: "plan", plan: { id: "x", datastore } }, ...more, ...steps];
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

function sized(bytes: number) {
  const entries = manifest.entries.map((entry) =>
    entry.kind === "datastore" ? { ...entry, size: bytes } : entry,
  );
  return { ...manifest, entries };
}

describe("measuredIn()", () => {
  test("takes the time from the first step to the last", () => {
    expect(measuredIn(journal())).toEqual({
      kind: "etcd",
      bytes: MB,
      milliseconds: 21_000,
      at: "2026-11-20T02:00:00.000Z",
    });
  });

  test("passes over what turned back, was kept unwell, was gone on with, was cut, or is older than the field", () => {
    const time = "2026-11-20T02:00:00.000Z";
    expect(measuredIn(journal([{ type: "rollback", at: time, reason: "x" }]))).toBe(undefined);
    expect(measuredIn(journal([{ type: "kept", at: time, reason: "x" }]))).toBe(undefined);
    expect(measuredIn(journal([{ type: "begin", step: "stop", at: time }]))).toBe(undefined);
    expect(measuredIn(journal().slice(0, -20))).toBe(undefined);
    expect(measuredIn(journal([], null))).toBe(undefined);
    expect(measuredIn("")).toBe(undefined);
    expect(measuredIn("not a journal\n")).toBe(undefined);
  });
});

describe("lastMeasured()", () => {
  test("takes the newest that counts", async () => {
    await withFolder(async (folder) => {
      expect(await lastMeasured(folder)).toBe(undefined);
      const write = (name: string, text: string): void => {
        mkdirSync(`${folder}/${name}`);
        writeFileSync(`${folder}/${name}/journal`, text);
      };
      write("restore-20261101T020000Z-a", journal([], { kind: "sqlite", bytes: 1 }));
      write("restore-20261120T020000Z-b", journal());
      write("restore-20261121T020000Z-c", "cut");
      expect((await lastMeasured(folder))?.kind).toBe("etcd");
    });
  });
});

describe("estimateText()", () => {
  const last = {
    kind: "etcd",
    bytes: MB,
    milliseconds: 21_000,
    at: "2026-11-20T02:00:00Z",
  } as const;

  test("says what it rests on", () => {
    expect(estimateText(sized(MB), last)).toBe(
      "about 21 s, an estimate from the restore of 2026-11-20, which took 21 s",
    );
    expect(estimateText(sized(MB), undefined)).toContain(
      "about 40 s, an estimate from the database's size",
    );
    expect(estimateText(sized(MB), { ...last, kind: "sqlite" })).toContain("about 40 s");
  });

  test("a larger database takes longer, a smaller one never less than nothing", () => {
    expect(estimateText(sized(1001 * MB), last)).toContain("about 41 s");
    expect(estimateText(sized(MB), { ...last, bytes: 9000 * MB })).toContain("about 1.0 s");
    expect(estimateText(sized(4000 * MB), undefined)).toContain("about 2 min");
  });
});
